//! Which of several dicts holds a tensor that the state dict lacks.

use super::*;
use crate::elsewhere::Elsewhere;

fn elsewhere(root: &[(&str, Vec<u8>)]) -> Elsewhere {
    read(&archive(&dict(root), &[ONE])).unwrap().elsewhere
}

fn rivals(elsewhere: &Elsewhere, name: &str) -> Vec<String> {
    let dicts = match elsewhere.rivals.contains_key(name) {
        true => elsewhere.dicts(name).collect(),
        false => Vec::new(),
    };
    dicts.iter().map(|dict| dict.to_string()).collect()
}

#[test]
fn of_dicts_that_lie_equally_deep_none_is_chosen() {
    let weights = || dict(&[("w", one())]);
    let head = || dict(&[("0.w", one()), ("module.0.b", one())]);
    let inside = || dict(&[("cls_head", head())]);
    let two = elsewhere(&[("model", weights()), ("old", inside()), ("new", inside())]);
    for name in ["cls_head.0.w", "cls_head.0.b", "0.b"] {
        let dicts = rivals(&two, name);
        assert_eq!(dicts, ["old.cls_head", "new.cls_head"], "{name}");
        let words = two.words(name).unwrap();
        assert_eq!(
            words,
            "where several dicts hold the module: `old.cls_head`, `new.cls_head`"
        );
    }
    let whole = dict(&[("cls_head.0.w", one())]);
    let forms = elsewhere(&[("model", weights()), ("cls_head", head()), ("best", whole)]);
    assert_eq!(rivals(&forms, "cls_head.0.w"), ["cls_head", "best"]);
    let one = elsewhere(&[
        ("model", weights()),
        ("old", inside()),
        ("cls_head", head()),
    ]);
    assert!(one.rivals.is_empty());
    assert_eq!(
        one.words("cls_head.0.w").unwrap(),
        "under `cls_head`, which is not read"
    );
}

#[test]
fn half_a_module_is_not_completed_with_another_s_half() {
    let half = dict(&[("module.enc.w", one()), ("module.cls_head.0.w", one())]);
    let head = || dict(&[("0.w", one()), ("1.w", one())]);
    let halved = elsewhere(&[("model", half), ("cls_head", head())]);
    assert_eq!(rivals(&halved, "cls_head.1.w"), ["cls_head", "model"]);
    // An average of all has the whole head, too.
    let read = dict(&[("enc.w", one())]);
    let all = dict(&[("enc.w", one()), ("cls_head.1.w", one())]);
    let average = elsewhere(&[("model", read), ("average", all)]);
    assert!(rivals(&average, "cls_head.1.w").is_empty());
    assert_eq!(rivals(&average, "enc.w"), ["average", "model"]);
}
