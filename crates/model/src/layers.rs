//! Layers that several parts of the model share, with the reference's parameter names.

use candle_core::{DType, Device, Result, Tensor};

use super::ops::{self, Attention, MabOutput};
use super::parameter::{Init, ParameterSource};
use super::precision::Precision;

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
    precision: Precision,
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
            precision: source.precision(),
        })
    }

    /// [rows, inputs] → [rows, outputs].
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::linear_in(self.precision, x, &self.weight, &self.bias)
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
    pub const EPS: f32 = ops::EPS_OF_LAYERS;

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
                precision: source.precision(),
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
        let (weight, bias) = self.projection(first, count)?;
        ops::linear_in(self.out_proj.precision, x, &weight, &bias)
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
        self.out_proj.forward(&self.mix(q, kv, bias, pattern)?)
    }

    /// Whether products may be rearranged for `device`: the kernels for that know single precision alone.
    fn may_rearrange(&self, device: &Device) -> bool {
        ops::has_cpu_kernels(device) && self.out_proj.precision == Precision::F32
    }

    /// What the heads give, before `out_proj`.
    fn mix(
        &self,
        q: &Tensor,
        kv: &Tensor,
        bias: Option<&Tensor>,
        pattern: impl FnOnce(usize, f32) -> Attention,
    ) -> Result<Tensor> {
        let attention = pattern(self.heads, self.scale());
        let (q, kv) = (self.project(q, 0, 1)?, self.project(kv, 1, 2)?);
        match bias {
            None => ops::attend(&q, &kv, &attention),
            Some(bias) => ops::attend_biased(&q, &kv, bias, &attention),
        }
    }

    /// Rows `first..first + count`, in widths, of the packed projections.
    fn projection(&self, first: usize, count: usize) -> Result<(Tensor, Tensor)> {
        let (start, rows) = (first * self.width, count * self.width);
        Ok((
            self.in_proj_weight.narrow(0, start, rows)?,
            self.in_proj_bias.narrow(0, start, rows)?,
        ))
    }

    /// `rows` [rows, width], queries already, each head's times the head's projection of keys: [rows, heads · width].
    ///
    /// With them a key needs no projection; its bias adds the same to all scores of a query, which softmax does not see.
    fn queries_of_raw_keys(&self, queries: &Tensor) -> Result<Tensor> {
        let (heads, size) = (self.heads, self.width / self.heads);
        let rows = queries.dim(0)?;
        let (weight, _) = self.projection(1, 1)?;
        let by_heads = queries.reshape((rows, heads, size))?;
        ops::grouped_linear(&by_heads, &weight.reshape((heads, size, self.width))?)?
            .reshape((rows, heads * self.width))
    }

    /// As [`Self::mix`] where the rows of `q` are the fewer: keys and values stay as they are, and each query is
    /// projected to them and back.
    fn mix_of_few_queries(&self, q: &Tensor, kv: &Tensor, attention: &Attention) -> Result<Tensor> {
        let (heads, size) = (self.heads, self.width / self.heads);
        let queries = self.queries_of_raw_keys(&self.project(q, 0, 1)?)?;
        let mixed = ops::attend_to_shared_keys(&queries, kv, attention)?;
        let (weight, bias) = self.projection(2, 1)?;
        let weight = weight.reshape((heads, size, self.width))?.transpose(1, 2)?;
        let rows = mixed.dim(0)?;
        ops::grouped_linear(&mixed.reshape((rows, heads, self.width))?, &weight)?
            .reshape((rows, self.width))?
            .broadcast_add(&bias)
    }

    /// As [`Self::mix`] where the same few rows `q` look at every set of `kv`: all their scores are one product.
    fn mix_of_shared_queries(&self, q: &Tensor, kv: &Tensor, starts: &[usize]) -> Result<Tensor> {
        let queries = (self.project(q, 0, 1)? * f64::from(self.scale()))?;
        let queries = self.queries_of_raw_keys(&queries)?;
        let queries = queries.reshape((q.dim(0)? * self.heads, self.width))?;
        let none = Tensor::zeros(queries.dim(0)?, DType::F32, queries.device())?;
        let scores = ops::linear(kv, &queries, &none)?;
        ops::attend_by_scores(&scores, &self.project(kv, 2, 1)?, starts, self.heads)
    }

    /// As [`Self::mix`], exact where every query sees a single key: its weight is 1, whatever the query.
    ///
    /// `kv` [rows, width] → what any query gets over that one row.
    fn mix_single_key(&self, kv: &Tensor) -> Result<Tensor> {
        self.project(kv, 2, 1)
    }
}

/// From this width on a projection costs more than twice the attention to what it projects.
const WIDE: usize = 128;

/// MAB(q, kv) = LN2(FF(LN1(MHA(q, kv, kv)))) with FF = Linear, GELU, Linear. No residual.
#[derive(Clone, Debug)]
pub struct Mab {
    multihead: MultiheadAttention,
    output: MabOutput,
}

impl Mab {
    /// Over `width` numbers with `heads`.
    pub fn new(
        source: &ParameterSource,
        width: usize,
        heads: usize,
        init: LinearInit,
    ) -> Result<Self> {
        let multihead = MultiheadAttention::new(&source.part("multihead"), width, heads, init)?;
        let ln1 = LayerNorm::new(&source.part("ln1"), width, LayerNorm::EPS)?;
        let ff_in = Linear::new(&source.part("ff.0"), width, 2 * width, init)?;
        let ff_out = Linear::new(&source.part("ff.2"), 2 * width, width, init)?;
        let ln2 = LayerNorm::new(&source.part("ln2"), width, LayerNorm::EPS)?;
        let out_proj = multihead.out_proj.clone();
        let parameters = [
            out_proj.weight,
            out_proj.bias,
            ln1.weight,
            ln1.bias,
            ff_in.weight,
            ff_in.bias,
            ff_out.weight,
            ff_out.bias,
            ln2.weight,
            ln2.bias,
        ];
        let output = MabOutput::new(parameters, source.precision());
        Ok(Self { multihead, output })
    }

    /// Queries `q` over the keys and values of `kv`, as [`MultiheadAttention::forward`].
    pub fn forward(
        &self,
        q: &Tensor,
        kv: &Tensor,
        pattern: impl FnOnce(usize, f32) -> Attention,
    ) -> Result<Tensor> {
        ops::mab_output(&self.multihead.mix(q, kv, None, pattern)?, &self.output)
    }

    /// As [`Self::forward`], the same rows `q` over each set of `kv`, by `starts`.
    fn forward_shared(&self, q: &Tensor, kv: &Tensor, starts: &[usize]) -> Result<Tensor> {
        let heads = &self.multihead;
        let mixed = match heads.may_rearrange(kv.device()) {
            true => heads.mix_of_shared_queries(q, kv, starts)?,
            false => heads.mix(q, kv, None, |heads, scale| {
                Attention::shared_queries(starts, q.dims()[0], heads, scale)
            })?,
        };
        ops::mab_output(&mixed, &self.output)
    }

    /// As [`Self::forward`], the rows of each set of `q` over as many rows of `kv` a set.
    fn forward_own(&self, q: &Tensor, kv: &Tensor, starts: &[usize]) -> Result<Tensor> {
        let rows_a_set = kv.dim(0)? / (starts.len() - 1).max(1);
        let heads = &self.multihead;
        let pattern = |heads, scale| Attention::to_own_keys(starts, rows_a_set, heads, scale);
        let fewer = q.dim(0)? < kv.dim(0)?;
        let mixed = match heads.may_rearrange(kv.device()) && kv.dim(1)? >= WIDE && fewer {
            true => heads.mix_of_few_queries(q, kv, &pattern(heads.heads, heads.scale()))?,
            false => heads.mix(q, kv, None, pattern)?,
        };
        ops::mab_output(&mixed, &self.output)
    }

    /// Exact where every query sees a single key: `kv` [rows, width] → the output of any query over that one row.
    pub fn forward_single_key(&self, kv: &Tensor) -> Result<Tensor> {
        ops::mab_output(&self.multihead.mix_single_key(kv)?, &self.output)
    }
}

/// Induced set attention (Lee et al. 2019): ISAB(x) = MAB2(x, MAB1(I, x)).
#[derive(Clone, Debug)]
pub struct Isab {
    inducing: Tensor,
    mab1: Mab,
    mab2: Mab,
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
        })
    }

    /// `x` [events, width], sets by `starts` → [events, width].
    pub fn forward(&self, x: &Tensor, starts: &[usize]) -> Result<Tensor> {
        let induced = self.mab1.forward_shared(&self.inducing, x, starts)?;
        self.mab2.forward_own(x, &induced, starts)
    }

    /// Exact for sets of one element each, `x` [sets, width]: a single key makes all induced
    /// rows equal, and equal keys share their weight evenly.
    pub fn forward_single_key(&self, x: &Tensor) -> Result<Tensor> {
        self.mab2
            .forward_single_key(&self.mab1.forward_single_key(x)?)
    }
}

#[cfg(test)]
mod tests;
