//! Settings of training: what is taken and what is refused.

use super::{Folder, SMALL, spoilt};
use crate::StageConfig;
use pipeline_train::class_balance::{ClassWeights, Sampling};
use pipeline_train::optimizer::Update;
use pipeline_train::options::Keep;
use pipeline_train::schedule::Schedule;

#[track_caller]
fn pretrain(line: &str, messages: &[&str]) {
    let folder = spoilt("epochs = 2", &format!("epochs = 2\n{line}"));
    assert_eq!(folder.messages("a.toml", &[]), messages);
}

#[track_caller]
fn finetune(line: &str, messages: &[&str]) {
    let folder = spoilt("epochs = 3", &format!("epochs = 3\n{line}"));
    assert_eq!(folder.messages("a.toml", &[]), messages);
}

#[test]
fn every_option_is_read() {
    let folder = Folder::with(&[("a.toml", SMALL)]);
    let recipe = folder.sound(
        "a.toml",
        &[
            "stages.pretrain.optimizer={ kind = 'sgd', lr = 0.1, nesterov = true, groups = [{ pattern = '*.bias', weight_decay = 0 }, { pattern = 'decoder.*', lr = 1e-2 }] }",
            "stages.pretrain.schedule={ kind = 'cosine', warmup_steps = 10, final_factor = 0.1 }",
            "stages.pretrain.early_stopping={ metric = 'kl', mode = 'max', patience = 3 }",
            "stages.classifier.schedule.kind=plateau",
            "stages.classifier.accumulate=4",
            "stages.classifier.max_steps=100",
            "stages.classifier.validate_every=2",
            "stages.classifier.keep=last",
            "stages.classifier.class_weights=[1, 5.5]",
            "stages.classifier.sampling=balanced",
            "stages.classifier.early_stopping={ metric = 'loss', patience = 3 }",
        ],
    );
    let Some(StageConfig::Pretrain(stage)) = recipe.stage("pretrain") else {
        panic!("pretrain is a pretrain stage")
    };
    let Update::Sgd(sgd) = &stage.optimizer.update else {
        panic!("it was chosen")
    };
    assert_eq!((sgd.lr, sgd.momentum, sgd.nesterov), (0.1, 0.9, true));
    assert_eq!(sgd.weight_decay, 0.0);
    assert_eq!(stage.optimizer.groups[1].lr, Some(1e-2));
    assert_eq!(stage.schedule.warmup_steps(), 10);
    assert!(stage.early_stopping.is_some());
    let Some(StageConfig::Finetune(stage)) = recipe.stage("classifier") else {
        panic!("classifier is a finetune stage")
    };
    assert_eq!(
        stage.schedule,
        Schedule::Plateau {
            warmup_steps: 0,
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            min_lr: 0.0
        }
    );
    assert_eq!((stage.accumulate, stage.validate_every), (4, 2));
    assert_eq!((stage.max_steps, stage.keep), (Some(100), Keep::Last));
    assert_eq!(stage.class_weights, ClassWeights::Given(vec![1.0, 5.5]));
    assert_eq!(stage.sampling, Sampling::Balanced);
}

#[test]
fn an_optimizer_has_its_own_settings_only() {
    pretrain(
        "optimizer = { kind = 'adam' }",
        &["`stages.pretrain.optimizer.kind` cannot be `adam`"],
    );
    pretrain(
        "optimizer = { momentum = 0.9 }",
        &["stages.pretrain.optimizer.momentum is no setting of `adamw`"],
    );
    pretrain(
        "optimizer = { kind = 'sgd', lr = 1e-3, betas = [0.9, 0.9], eps = 1e-6 }",
        &[
            "stages.pretrain.optimizer.betas is no setting of `sgd`",
            "stages.pretrain.optimizer.eps is no setting of `sgd`",
        ],
    );
    finetune(
        "optimizer = { kind = 'sgd' }",
        &["stages.classifier.optimizer states no `lr`, and `sgd` has no default"],
    );
    finetune(
        "optimizer = { kind = 'sgd', lr = 0.1, momentum = 1 }",
        &["stages.classifier.optimizer.momentum must be at least 0 and less than 1, not 1"],
    );
    finetune(
        "optimizer = { kind = 'sgd', lr = 0.1, momentum = 0, nesterov = true }",
        &["stages.classifier.optimizer.nesterov needs a momentum above 0"],
    );
    finetune(
        "optimizer = { lr = 0 }",
        &["`stages.classifier.optimizer.lr` must be greater than 0, not 0"],
    );
}

#[test]
fn groups_name_parameters_that_are_trained() {
    pretrain(
        "optimizer.groups = [{ pattern = '*.bias' }, { pattern = 'decodr.*' }]",
        &["stages.pretrain.optimizer.groups.1.pattern `decodr.*` matches no trainable parameter"],
    );
    pretrain(
        "optimizer.groups = [{ pattern = 'decoder.*' }]",
        &[
            "stages.pretrain.optimizer.groups.0.pattern `decoder.*` has no effect: the group states neither `lr` nor `weight_decay`, and no later group has its parameters",
        ],
    );
    pretrain(
        "optimizer.groups = [{ pattern = '*.bias' }, { pattern = '*', weight_decay = 0.1 }]",
        &[],
    );
    pretrain(
        "optimizer.groups = [{ pattern = 'cls_head.*' }]",
        &["stages.pretrain.optimizer.groups.0.pattern `cls_head.*` matches no trainable parameter"],
    );
    finetune(
        "optimizer.groups = [{ pattern = 'cls_head.12.*', lr = 1e-2 }]",
        &[],
    );
    finetune(
        "optimizer.groups = [{ pattern = 'transformer.*' }]",
        &[
            "stages.classifier.optimizer.groups.0.pattern `transformer.*` matches no trainable parameter",
        ],
    );
    finetune(
        "optimizer.groups = [{ pattern = 'cls_head.*' }, { pattern = '*.bias' }]",
        &[
            "stages.classifier.optimizer.groups.1.pattern `*.bias` matches only parameters that an earlier group has",
        ],
    );
    finetune(
        "optimizer.groups = [{ pattern = '*', lr = 0 }]",
        &[
            "stages.classifier.optimizer.groups has a learning rate of zero for every trainable parameter",
        ],
    );
    finetune(
        "optimizer.groups = [{ pattern = '*', rate = 0 }]",
        &["unknown key `rate` in `stages.classifier.optimizer.groups.0`"],
    );
}

#[test]
fn schedules_and_loops_are_in_range() {
    pretrain(
        "schedule = { kind = 'cosin' }",
        &["`stages.pretrain.schedule.kind` cannot be `cosin`"],
    );
    pretrain(
        "schedule = { kind = 'constant', final_factor = 0.1 }",
        &["unknown key `final_factor` in `stages.pretrain.schedule`"],
    );
    pretrain(
        "schedule = { kind = 'cosine-restarts' }",
        &["`stages.pretrain.schedule` has no `period_steps`"],
    );
    pretrain(
        "schedule = { kind = 'plateau', factor = 1.5 }",
        &["stages.pretrain.schedule.factor must be less than 1, not 1.5"],
    );
    pretrain(
        "schedule = { kind = 'linear', warmup_steps = 10 }\nmax_steps = 10",
        &["stages.pretrain.schedule.warmup_steps is 10, and training ends after max_steps = 10"],
    );
    pretrain(
        "accumulate = 0",
        &["`stages.pretrain.accumulate` must be at least 1, not 0"],
    );
    pretrain(
        "keep = 'first'",
        &["`stages.pretrain.keep` cannot be `first`"],
    );
    pretrain(
        "early_stopping = { metric = 'auroc', patience = 2 }",
        &["`stages.pretrain.early_stopping.metric` cannot be `auroc`"],
    );
}

#[test]
fn classes_are_weighed_once_and_each() {
    finetune(
        "class_weights = [1, 2, 3]",
        &["stages.classifier.class_weights has 3 weights, and model.classifier.num_classes is 2"],
    );
    finetune(
        "class_weights = [1, 0]",
        &["`stages.classifier.class_weights.1` must be greater than 0, not 0"],
    );
    finetune(
        "class_weights = 'even'",
        &["`stages.classifier.class_weights` cannot be `even`"],
    );
    finetune(
        "class_weights = 'balanced'\nsampling = 'balanced'",
        &[
            "stages.classifier.class_weights is `balanced`, and so is `sampling`: rare classes would count twice over",
        ],
    );
}
