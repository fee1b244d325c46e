use std::sync::{Arc, OnceLock};

use candle_core::backend::BackendStorage;
use candle_core::{CudaDevice, CudaStorage, Layout, Result, Tensor};

use super::super::attention_pattern::Attention;
use super::norm::column_sums;
use pipeline_device::cuda::{
    ATTENTION, Argument, CudaSlice, grid, launch, numbers, room, tensor, view, warps,
};

/// The pattern of an attention on the GPU, made where it is first used.
#[derive(Clone, Debug, Default)]
pub struct OnGpu(Arc<OnceLock<Arc<Placed>>>);

#[derive(Debug)]
struct Placed {
    segments: CudaSlice<u32>,
    of_output: CudaSlice<u32>,
    of_key: CudaSlice<u32>,
    output_rows: usize,
    key_rows: usize,
    pairs: usize,
}

/// Widths of a head that a lane can hold a share of: 32 numbers for each.
const SHARES: [usize; 5] = [1, 2, 4, 8, 16];

fn share(width: usize, heads: usize) -> Option<usize> {
    let needed = (width / heads).div_ceil(32);
    SHARES.into_iter().find(|share| *share >= needed)
}

/// Whether heads are narrow enough for the kernel.
pub fn fits(width: usize, heads: usize) -> bool {
    share(width, heads).is_some()
}

impl Placed {
    fn new(device: &CudaDevice, attention: &Attention) -> Result<Self> {
        let count = attention.segments.len();
        let mut list = Vec::with_capacity(6 * count);
        let (mut output_rows, mut key_rows, mut pairs) = (0, 0, 0);
        for segment in attention.segments.iter() {
            let numbers = [
                segment.query_start,
                segment.queries,
                segment.key_start,
                segment.keys,
                output_rows,
                pairs,
            ];
            list.extend(numbers.map(|number| number as u32));
            output_rows += segment.queries;
            key_rows = key_rows.max(segment.key_start + segment.keys);
            pairs += attention.pairs_of(segment);
        }
        let segments = super::list(device, &list)?;
        let fill = |rows: usize, of_keys: u32| -> Result<CudaSlice<u32>> {
            let out = room::<u32>(device, rows)?;
            let arguments: [&dyn Argument; 3] = [&segments, &of_keys, &out];
            launch(
                device,
                ATTENTION,
                "segments_of",
                grid(count, 32),
                &arguments,
            )?;
            Ok(out)
        };
        Ok(Self {
            of_output: fill(output_rows, 0)?,
            of_key: fill(key_rows, 1)?,
            segments,
            output_rows,
            key_rows,
            pairs,
        })
    }
}

impl Attention {
    fn on(&self, device: &CudaDevice) -> Result<Arc<Placed>> {
        if let Some(made) = self.on_gpu.0.get() {
            return Ok(made.clone());
        }
        let made = Arc::new(Placed::new(device, self)?);
        Ok(self.on_gpu.0.get_or_init(|| made).clone())
    }

    /// Whether all segments have the same query rows.
    fn shares_queries(&self) -> bool {
        let mut segments = self.segments.iter();
        let first = segments.next().map(|s| (s.query_start, s.queries));
        self.segments.len() > 1 && segments.all(|s| Some((s.query_start, s.queries)) == first)
    }

    fn launch(
        &self,
        device: &CudaDevice,
        kernel: &str,
        (segment_of, rows): (&CudaSlice<u32>, usize),
        (width, biased): (usize, bool),
        rest: &[&dyn Argument],
    ) -> Result<()> {
        let Some(share) = share(width, self.heads) else {
            candle_core::bail!("heads of {} numbers are too wide", width / self.heads)
        };
        let made = self.on(device)?;
        let (seed, rate) = self.dropout.map_or((0, 0.0), |d| (d.seed, d.rate));
        let numbers = [
            rows as u32,
            width as u32,
            self.heads as u32,
            u32::from(self.causal),
            u32::from(biased),
            u32::from(self.dropout.is_some()),
        ];
        let mut arguments: Vec<&dyn Argument> = vec![&made.segments, segment_of];
        arguments.extend(numbers.iter().map(|number| number as &dyn Argument));
        let last: [&dyn Argument; 3] = [&self.scale, &rate, &seed];
        arguments.extend(last);
        arguments.extend(rest);
        let name = format!("{kernel}_{share}");
        launch(
            device,
            ATTENTION,
            &name,
            warps(rows * self.heads),
            &arguments,
        )
    }
}

/// Storages and layouts of queries, keys with values, and the bias if there is one.
pub fn forward(
    attention: &Attention,
    q: (&CudaStorage, &Layout),
    kv: (&CudaStorage, &Layout),
    bias: Option<(&CudaStorage, &Layout)>,
) -> Result<CudaStorage> {
    let device = q.0.device();
    let (_, width) = q.1.shape().dims2()?;
    let made = attention.on(device)?;
    let out = room::<f32>(device, made.output_rows * width)?;
    let (q, kv) = (view::<f32>(q.0, q.1)?, view::<f32>(kv.0, kv.1)?);
    let biases = match bias {
        Some((bias, layout)) => view::<f32>(bias, layout)?,
        None => q.slice(..),
    };
    attention.launch(
        device,
        "attention_forward",
        (&made.of_output, made.output_rows),
        (width, bias.is_some()),
        &[&q, &kv, &biases, &out],
    )?;
    Ok(CudaStorage::wrap_cuda_slice(out, device.clone()))
}

/// Gradients of queries, keys with values, and the bias if there is one.
pub fn backward(
    attention: &Attention,
    [q, kv]: [&Tensor; 2],
    bias: Option<&Tensor>,
    [output, grad]: [&Tensor; 2],
) -> Result<(Tensor, Tensor, Option<Tensor>)> {
    let grad = grad.contiguous()?;
    let (queries, keys) = (numbers(q)?, numbers(kv)?);
    let (outputs, grads) = (numbers(output)?, numbers(&grad)?);
    let biases = bias.map(numbers).transpose()?;
    let (device, width, heads) = (queries.device()?, q.dim(1)?, attention.heads);
    let made = attention.on(device)?;
    let (q_view, kv_view, grad_view) = (
        queries.view::<f32>()?,
        keys.view::<f32>()?,
        grads.view::<f32>()?,
    );
    let bias_view = match &biases {
        Some(biases) => biases.view::<f32>()?,
        None => q_view.slice(..),
    };
    let rows = made.output_rows;
    let pairs = if bias.is_some() { made.pairs } else { 0 };
    let grad_rows = room::<f32>(device, rows * width)?;
    let sums = room::<f32>(device, 2 * rows * heads)?;
    let grad_bias = room::<f32>(device, heads * pairs)?;
    let biased = (width, bias.is_some());
    attention.launch(
        device,
        "attention_backward_query",
        (&made.of_output, rows),
        biased,
        &[
            &q_view,
            &kv_view,
            &bias_view,
            &outputs.view::<f32>()?,
            &grad_view,
            &grad_rows,
            &sums,
            &grad_bias,
            &(pairs as u32),
        ],
    )?;
    // Key rows that no query sees have no gradient.
    let grad_kv = device.alloc_zeros::<f32>(kv.elem_count())?;
    attention.launch(
        device,
        "attention_backward_key",
        (&made.of_key, made.key_rows),
        biased,
        &[&q_view, &kv_view, &bias_view, &grad_view, &sums, &grad_kv],
    )?;
    let grad_q = match attention.shares_queries() {
        true => {
            let (segments, numbers) = (attention.segments.len(), q.elem_count());
            column_sums(device, &grad_rows.slice(..), None, segments, numbers)?
        }
        false => grad_rows,
    };
    let grad_bias = match bias {
        Some(_) => Some(tensor(device, grad_bias, (heads, pairs)).sum(0)?),
        None => None,
    };
    Ok((
        tensor(device, grad_q, q.shape()),
        tensor(device, grad_kv, kv.shape()),
        grad_bias,
    ))
}
