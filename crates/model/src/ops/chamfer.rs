//! The set reconstruction loss: three two-way Chamfer means, less a reward for spread.

use std::sync::Arc;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::cpu::{add_scaled, contiguous, dot, read, squared_distance, vectorized};
use super::form::has_kernels;
use super::timed::Timed;

/// Added to a norm before a division by it.
const NORM_EPS: f32 = 1e-8;
/// Weight of the squared distance beside direction and magnitude.
const POSITION_WEIGHT: f32 = 3.0;
/// Weight of the variance that is subtracted.
const SPREAD_WEIGHT: f32 = 0.1;

/// Loss of every set.
///
/// `reconstruction` and `target` [events, width]; set s is the rows `starts[s]..starts[s + 1]`.
/// For rows r, t of one set: direction 1 − cos(rᵢ, tⱼ), magnitude |‖rᵢ‖ − ‖tⱼ‖| and position ‖rᵢ − tⱼ‖²,
/// each ½ (meanᵢ minⱼ + meanⱼ minᵢ), weighted 1, 1, 3; minus 0.1 · the mean over columns of the
/// population variance of r. → [sets]
pub fn set_reconstruction_loss(
    reconstruction: &Tensor,
    target: &Tensor,
    starts: &Arc<[usize]>,
) -> Result<Tensor> {
    if has_kernel(reconstruction, starts)? {
        let op = Timed(Chamfer {
            starts: starts.clone(),
        });
        reconstruction
            .contiguous()?
            .apply_op2(&target.contiguous()?, op)
    } else {
        composed(reconstruction, target, starts)
    }
}

fn has_kernel(reconstruction: &Tensor, _starts: &[usize]) -> Result<bool> {
    #[cfg(feature = "cuda")]
    if reconstruction.device().is_cuda()
        && !super::cuda::chamfer::fits(_starts, reconstruction.dim(1)?)
    {
        return Ok(false);
    }
    Ok(has_kernels(reconstruction.device()))
}

fn composed(reconstruction: &Tensor, target: &Tensor, starts: &[usize]) -> Result<Tensor> {
    let two_way = |distance: &Tensor| -> Result<Tensor> {
        (distance.min(1)?.mean_all()? + distance.min(0)?.mean_all()?)? * 0.5
    };
    let mut losses = Vec::with_capacity(starts.len() - 1);
    for pair in starts.windows(2) {
        let r = reconstruction.narrow(0, pair[0], pair[1] - pair[0])?;
        let t = target.narrow(0, pair[0], pair[1] - pair[0])?;
        let (r_norm, t_norm) = (
            r.sqr()?.sum_keepdim(1)?.sqrt()?,
            t.sqr()?.sum_keepdim(1)?.sqrt()?,
        );
        let r_unit = r.broadcast_div(&(&r_norm + f64::from(NORM_EPS))?)?;
        let t_unit = t.broadcast_div(&(&t_norm + f64::from(NORM_EPS))?)?;
        let direction = (1.0 - r_unit.matmul(&t_unit.t()?)?)?;
        let magnitude = r_norm.broadcast_sub(&t_norm.t()?)?.abs()?;
        let position = r
            .unsqueeze(1)?
            .broadcast_sub(&t.unsqueeze(0)?)?
            .sqr()?
            .sum(2)?;
        let spread = r.broadcast_sub(&r.mean_keepdim(0)?)?.sqr()?.mean_all()?;
        let loss = (two_way(&direction)? + two_way(&magnitude)?)?;
        let loss = (loss + (two_way(&position)? * f64::from(POSITION_WEIGHT))?)?;
        losses.push((loss - (spread * f64::from(SPREAD_WEIGHT))?)?);
    }
    Tensor::stack(&losses, 0)
}

struct Chamfer {
    starts: Arc<[usize]>,
}

/// The nearest partner of every row and column of a distance matrix.
#[derive(Default)]
struct Nearest {
    of_row: Vec<(f32, usize)>,
    of_column: Vec<(f32, usize)>,
}

impl Nearest {
    #[inline(always)]
    fn find(&mut self, n: usize, distance: impl Fn(usize, usize) -> f32) {
        self.of_row.clear();
        self.of_row.resize(n, (f32::INFINITY, 0));
        self.of_column.clear();
        self.of_column.resize(n, (f32::INFINITY, 0));
        for row in 0..n {
            for column in 0..n {
                let d = distance(row, column);
                if d < self.of_row[row].0 {
                    self.of_row[row] = (d, column);
                }
                if d < self.of_column[column].0 {
                    self.of_column[column] = (d, row);
                }
            }
        }
    }

    fn two_way_mean(&self) -> f32 {
        let total = |side: &[(f32, usize)]| side.iter().map(|(d, _)| d).sum::<f32>();
        0.5 * (total(&self.of_row) + total(&self.of_column)) / self.of_row.len() as f32
    }

    /// Every (row, column) whose distance counts; some twice.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let rows = self
            .of_row
            .iter()
            .enumerate()
            .map(|(row, &(_, column))| (row, column));
        let columns = self
            .of_column
            .iter()
            .enumerate()
            .map(|(column, &(_, row))| (row, column));
        rows.chain(columns)
    }
}

/// One set's rows, their norms, and the three nearest-partner tables.
struct SetTerms<'a> {
    r: &'a [f32],
    t: &'a [f32],
    width: usize,
    r_norm: Vec<f32>,
    t_norm: Vec<f32>,
    direction: Nearest,
    magnitude: Nearest,
    position: Nearest,
}

impl<'a> SetTerms<'a> {
    #[inline(always)]
    fn new(r: &'a [f32], t: &'a [f32], width: usize) -> Self {
        let norms = |x: &[f32]| {
            x.chunks_exact(width)
                .map(|row| dot(row, row).sqrt())
                .collect()
        };
        let mut terms = Self {
            r,
            t,
            width,
            r_norm: norms(r),
            t_norm: norms(t),
            direction: Nearest::default(),
            magnitude: Nearest::default(),
            position: Nearest::default(),
        };
        let n = r.len() / width;
        let row = |x: &'a [f32], index: usize| &x[index * width..][..width];
        terms.direction.find(n, |i, j| {
            let norms = (terms.r_norm[i] + NORM_EPS) * (terms.t_norm[j] + NORM_EPS);
            1.0 - dot(row(r, i), row(t, j)) / norms
        });
        terms
            .magnitude
            .find(n, |i, j| (terms.r_norm[i] - terms.t_norm[j]).abs());
        terms
            .position
            .find(n, |i, j| squared_distance(row(r, i), row(t, j)));
        terms
    }

    fn column_means(&self) -> Vec<f32> {
        let mut means = vec![0f32; self.width];
        for row in self.r.chunks_exact(self.width) {
            add_scaled(&mut means, 1.0, row);
        }
        let n = (self.r.len() / self.width) as f32;
        means.iter_mut().for_each(|mean| *mean /= n);
        means
    }

    #[inline(always)]
    fn loss(&self) -> f32 {
        let means = self.column_means();
        let squares: f32 = self
            .r
            .chunks_exact(self.width)
            .map(|row| squared_distance(row, &means))
            .sum();
        self.direction.two_way_mean()
            + self.magnitude.two_way_mean()
            + POSITION_WEIGHT * self.position.two_way_mean()
            - SPREAD_WEIGHT * squares / self.r.len() as f32
    }

    /// Adds `scale` times the loss's gradient to `grad_r` and `grad_t`.
    #[inline(always)]
    fn add_gradient(&self, scale: f32, grad_r: &mut [f32], grad_t: &mut [f32]) {
        let width = self.width;
        let n = self.r.len() / width;
        let share = scale * 0.5 / n as f32;
        for (i, j) in self.direction.pairs() {
            self.add_direction_gradient(share, i, j, grad_r, grad_t);
        }
        for (i, j) in self.magnitude.pairs() {
            let difference = self.r_norm[i] - self.t_norm[j];
            if difference == 0.0 {
                continue;
            }
            let slope = share * difference.signum();
            add_norm_gradient(
                slope,
                self.r_norm[i],
                row(self.r, i, width),
                row_mut(grad_r, i, width),
            );
            add_norm_gradient(
                -slope,
                self.t_norm[j],
                row(self.t, j, width),
                row_mut(grad_t, j, width),
            );
        }
        let slope = 2.0 * POSITION_WEIGHT * share;
        for (i, j) in self.position.pairs() {
            let (r, t) = (row(self.r, i, width), row(self.t, j, width));
            add_scaled(row_mut(grad_r, i, width), slope, r);
            add_scaled(row_mut(grad_r, i, width), -slope, t);
            add_scaled(row_mut(grad_t, j, width), -slope, r);
            add_scaled(row_mut(grad_t, j, width), slope, t);
        }
        let means = self.column_means();
        let slope = -scale * SPREAD_WEIGHT * 2.0 / self.r.len() as f32;
        for i in 0..n {
            add_scaled(row_mut(grad_r, i, width), slope, row(self.r, i, width));
            add_scaled(row_mut(grad_r, i, width), -slope, &means);
        }
    }

    /// d(1 − r·t/((‖r‖+ε)(‖t‖+ε))): the quotient's numerator moves both rows, each norm its own.
    fn add_direction_gradient(
        &self,
        share: f32,
        i: usize,
        j: usize,
        grad_r: &mut [f32],
        grad_t: &mut [f32],
    ) {
        let width = self.width;
        let (r, t) = (row(self.r, i, width), row(self.t, j, width));
        let (a, b) = (self.r_norm[i] + NORM_EPS, self.t_norm[j] + NORM_EPS);
        let product = dot(r, t);
        add_scaled(row_mut(grad_r, i, width), -share / (a * b), t);
        add_scaled(row_mut(grad_t, j, width), -share / (a * b), r);
        let slope = share * product / (a * a * b);
        add_norm_gradient(slope, self.r_norm[i], r, row_mut(grad_r, i, width));
        let slope = share * product / (a * b * b);
        add_norm_gradient(slope, self.t_norm[j], t, row_mut(grad_t, j, width));
    }
}

fn row(x: &[f32], index: usize, width: usize) -> &[f32] {
    &x[index * width..][..width]
}

fn row_mut(x: &mut [f32], index: usize, width: usize) -> &mut [f32] {
    &mut x[index * width..][..width]
}

/// d‖x‖ = x/‖x‖, and 0 at the origin, as torch's.
fn add_norm_gradient(slope: f32, norm: f32, x: &[f32], grad: &mut [f32]) {
    if norm > 0.0 {
        add_scaled(grad, slope / norm, x);
    }
}

vectorized! {
    fn forward(starts: &[usize], width: usize, r: &[f32], t: &[f32]) -> Vec<f32> {
        let sets = starts.windows(2).map(|pair| pair[0] * width..pair[1] * width);
        sets.map(|rows| SetTerms::new(&r[rows.clone()], &t[rows], width).loss()).collect()
    }
}

vectorized! {
    fn backward(
        starts: &[usize],
        width: usize,
        r: &[f32],
        t: &[f32],
        grad_loss: &[f32],
    ) -> (Vec<f32>, Vec<f32>) {
        let (mut grad_r, mut grad_t) = (vec![0f32; r.len()], vec![0f32; t.len()]);
        for (pair, scale) in starts.windows(2).zip(grad_loss) {
            let rows = pair[0] * width..pair[1] * width;
            let terms = SetTerms::new(&r[rows.clone()], &t[rows.clone()], width);
            terms.add_gradient(*scale, &mut grad_r[rows.clone()], &mut grad_t[rows]);
        }
        (grad_r, grad_t)
    }
}

impl CustomOp2 for Chamfer {
    fn name(&self) -> &'static str {
        "set-reconstruction-loss"
    }

    fn cpu_fwd(
        &self,
        r: &CpuStorage,
        r_layout: &Layout,
        t: &CpuStorage,
        t_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, width) = r_layout.shape().dims2()?;
        let (r, t) = (contiguous(r, r_layout)?, contiguous(t, t_layout)?);
        let losses = forward(&self.starts, width, r, t);
        let sets = losses.len();
        Ok((CpuStorage::F32(losses), sets.into()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        r: &CudaStorage,
        r_layout: &Layout,
        t: &CudaStorage,
        t_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let losses = super::cuda::chamfer::forward([r, t], [r_layout, t_layout], &self.starts)?;
        Ok((losses, (self.starts.len() - 1).into()))
    }

    fn bwd(
        &self,
        r: &Tensor,
        t: &Tensor,
        _loss: &Tensor,
        grad_loss: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        #[cfg(feature = "cuda")]
        if r.device().is_cuda() {
            let [grad_r, grad_t] = super::cuda::chamfer::backward(r, t, grad_loss, &self.starts)?;
            return Ok((Some(grad_r), Some(grad_t)));
        }
        let grad_loss = grad_loss.contiguous()?;
        let (_, width) = r.dims2()?;
        let (grad_r, grad_t) = backward(
            &self.starts,
            width,
            &read(r)?,
            &read(t)?,
            &read(&grad_loss)?,
        );
        Ok((
            Some(Tensor::from_vec(grad_r, r.shape(), r.device())?),
            Some(Tensor::from_vec(grad_t, t.shape(), t.device())?),
        ))
    }
}

#[cfg(test)]
mod tests;
