//! Layers that several parts of the model share, with the reference's parameter names.

use candle_core::{Result, Tensor};

use super::ops::{self, Attention};
use super::parameter::{Init, ParameterSource};

/// Which initialisation the Linear layers of a part have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinearInit {
    /// Xavier uniform weight, zero bias.
    Xavier,
    /// torch's default for weight and bias.
    Torch,
}

impl LinearInit {
    fn weight(self, inputs: usize) -> Init {
        match self {
            LinearInit::Xavier => Init::XavierUniform,
            LinearInit::Torch => Init::TorchLinear { fan_in: inputs },
        }
    }

    fn bias(self, inputs: usize) -> Init {
        match self {
            LinearInit::Xavier => Init::Zeros,
            LinearInit::Torch => Init::TorchLinear { fan_in: inputs },
        }
    }
}

/// y = x Wᵀ + b.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    /// `inputs` → `outputs`.
    pub fn new(
        source: &ParameterSource,
        inputs: usize,
        outputs: usize,
        init: LinearInit,
    ) -> Result<Self> {
        Ok(Self {
            weight: source.get("weight", &[outputs, inputs], init.weight(inputs))?,
            bias: source.get("bias", &[outputs], init.bias(inputs))?,
        })
    }

    /// [rows, inputs] → [rows, outputs].
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::linear(x, &self.weight, &self.bias)
    }
}

/// LayerNorm over the last dimension.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f32,
}

impl LayerNorm {
    /// torch's default eps.
    pub const EPS: f32 = 1e-5;

    /// Over `width` numbers.
    pub fn new(source: &ParameterSource, width: usize, eps: f32) -> Result<Self> {
        Ok(Self {
            weight: source.get("weight", &[width], Init::Ones)?,
            bias: source.get("bias", &[width], Init::Zeros)?,
            eps,
        })
    }

    /// [rows, width] → [rows, width].
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::layer_norm(x, &self.weight, &self.bias, self.eps)
    }
}

/// torch's MultiheadAttention with packed projections.
#[derive(Clone, Debug)]
pub struct MultiheadAttention {
    in_proj_weight: Tensor,
    in_proj_bias: Tensor,
    out_proj: Linear,
    width: usize,
    heads: usize,
}

impl MultiheadAttention {
    /// `heads` over `width` numbers; `out_proj` is initialised as `init` says, its bias zero.
    pub fn new(
        source: &ParameterSource,
        width: usize,
        heads: usize,
        init: LinearInit,
    ) -> Result<Self> {
        let out = source.part("out_proj");
        Ok(Self {
            in_proj_weight: source.get(
                "in_proj_weight",
                &[3 * width, width],
                Init::XavierUniform,
            )?,
            in_proj_bias: source.get("in_proj_bias", &[3 * width], Init::Zeros)?,
            out_proj: Linear {
                weight: out.get("weight", &[width, width], init.weight(width))?,
                bias: out.get("bias", &[width], Init::Zeros)?,
            },
            width,
            heads,
        })
    }

    /// 1/√(width of a head).
    fn scale(&self) -> f32 {
        1.0 / ((self.width / self.heads) as f32).sqrt()
    }

    fn project(&self, x: &Tensor, first: usize, count: usize) -> Result<Tensor> {
        let (start, rows) = (first * self.width, count * self.width);
        ops::linear(
            x,
            &self.in_proj_weight.narrow(0, start, rows)?,
            &self.in_proj_bias.narrow(0, start, rows)?,
        )
    }

    /// Queries `q` over the keys and values of `kv`; `pattern` gets (heads, scale) and says who attends to whom.
    pub fn forward(
        &self,
        q: &Tensor,
        kv: &Tensor,
        pattern: impl FnOnce(usize, f32) -> Attention,
    ) -> Result<Tensor> {
        self.forward_biased(q, kv, None, pattern)
    }

    /// As [`Self::forward`], with a number added to the score of every pair of query and key, as [`ops::attend_biased`].
    pub fn forward_biased(
        &self,
        q: &Tensor,
        kv: &Tensor,
        bias: Option<&Tensor>,
        pattern: impl FnOnce(usize, f32) -> Attention,
    ) -> Result<Tensor> {
        let attention = pattern(self.heads, self.scale());
        let (q, kv) = (self.project(q, 0, 1)?, self.project(kv, 1, 2)?);
        let mixed = match bias {
            None => ops::attend(&q, &kv, &attention)?,
            Some(bias) => ops::attend_biased(&q, &kv, bias, &attention)?,
        };
        self.out_proj.forward(&mixed)
    }

    /// Exact where every query sees a single key: its weight is 1, whatever the query.
    ///
    /// `kv` [rows, width] → the output of any query over that one row.
    pub fn forward_single_key(&self, kv: &Tensor) -> Result<Tensor> {
        self.out_proj.forward(&self.project(kv, 2, 1)?)
    }
}

/// MAB(q, kv) = LN2(FF(LN1(MHA(q, kv, kv)))) with FF = Linear, GELU, Linear. No residual.
#[derive(Clone, Debug)]
pub struct Mab {
    multihead: MultiheadAttention,
    ln1: LayerNorm,
    ff_in: Linear,
    ff_out: Linear,
    ln2: LayerNorm,
}

impl Mab {
    /// Over `width` numbers with `heads`.
    pub fn new(
        source: &ParameterSource,
        width: usize,
        heads: usize,
        init: LinearInit,
    ) -> Result<Self> {
        Ok(Self {
            multihead: MultiheadAttention::new(&source.part("multihead"), width, heads, init)?,
            ln1: LayerNorm::new(&source.part("ln1"), width, LayerNorm::EPS)?,
            ff_in: Linear::new(&source.part("ff.0"), width, 2 * width, init)?,
            ff_out: Linear::new(&source.part("ff.2"), 2 * width, width, init)?,
            ln2: LayerNorm::new(&source.part("ln2"), width, LayerNorm::EPS)?,
        })
    }

    /// As [`MultiheadAttention::forward`].
    pub fn forward(
        &self,
        q: &Tensor,
        kv: &Tensor,
        pattern: impl FnOnce(usize, f32) -> Attention,
    ) -> Result<Tensor> {
        self.after_attention(&self.multihead.forward(q, kv, pattern)?)
    }

    /// As [`MultiheadAttention::forward_single_key`].
    pub fn forward_single_key(&self, kv: &Tensor) -> Result<Tensor> {
        self.after_attention(&self.multihead.forward_single_key(kv)?)
    }

    fn after_attention(&self, attended: &Tensor) -> Result<Tensor> {
        let hidden = ops::gelu(&self.ff_in.forward(&self.ln1.forward(attended)?)?)?;
        self.ln2.forward(&self.ff_out.forward(&hidden)?)
    }
}

/// Induced set attention (Lee et al. 2019): ISAB(x) = MAB2(x, MAB1(I, x)).
#[derive(Clone, Debug)]
pub struct Isab {
    inducing: Tensor,
    mab1: Mab,
    mab2: Mab,
    points: usize,
}

impl Isab {
    /// With `points` inducing points.
    pub fn new(
        source: &ParameterSource,
        width: usize,
        heads: usize,
        points: usize,
        init: LinearInit,
    ) -> Result<Self> {
        Ok(Self {
            inducing: source.get("inducing", &[points, width], Init::Normal)?,
            mab1: Mab::new(&source.part("mab1"), width, heads, init)?,
            mab2: Mab::new(&source.part("mab2"), width, heads, init)?,
            points,
        })
    }

    /// `x` [events, width], sets by `starts` → [events, width].
    pub fn forward(&self, x: &Tensor, starts: &[usize]) -> Result<Tensor> {
        let induced = self.mab1.forward(&self.inducing, x, |heads, scale| {
            Attention::shared_queries(starts, self.points, heads, scale)
        })?;
        self.mab2.forward(x, &induced, |heads, scale| {
            Attention::to_own_keys(starts, self.points, heads, scale)
        })
    }

    /// Exact for sets of one element each, `x` [sets, width]: a single key makes all induced
    /// rows equal, and equal keys share their weight evenly.
    pub fn forward_single_key(&self, x: &Tensor) -> Result<Tensor> {
        self.mab2
            .forward_single_key(&self.mab1.forward_single_key(x)?)
    }
}
