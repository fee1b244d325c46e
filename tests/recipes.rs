//! Recipes that several tests use.

/// A synthetic cohort and a small model on it: two stages that read no file.
pub const PRETRAIN: &str = r#"
format = 1
name = "demo"
seed = 1

[model]
kind = "seqsetvae"
input_dim = 16
reduced_dim = 8
latent_dim = 8
levels = 1
heads = 2
inducing_points = 2
ff_dim = 8
transformer_heads = 2
transformer_layers = 1

[stages.events]
kind = "data"
source = { format = "synthetic", stays = 40 }
split = { ratio = [0.6, 0.2, 0.2] }
embeddings = { orthonormal = 16 }

[stages.pretrain]
kind = "pretrain"
data = "events"
epochs = 1
"#;
