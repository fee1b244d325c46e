// One optimizer step on parameters that stay on the device. `step` holds the clipping factor, then 0 where the
// gradients' norm was not finite: then nothing changes.
#include "warp.cuh"

// Σ g² of each block, in double precision.
extern "C" __global__ void squares(const float *g, uint64_t count, double *parts) {
    __shared__ double sums[32];
    double sum = 0.0;
    EACH(i, count) sum += (double)g[i] * (double)g[i];
    for (int apart = 16; apart > 0; apart /= 2) sum += __shfl_xor_sync(FULL, sum, apart);
    if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x == 0) {
        double total = 0.0;
        for (uint32_t warp = 0; warp < blockDim.x / 32; warp++) total += sums[warp];
        parts[blockIdx.x] = total;
    }
}

// The norm of all gradients, and by how much they are scaled, as torch's clip_grad_norm_.
extern "C" __global__ void clip(const double *parts, uint32_t count, double limit, float *norm, float *factor) {
    __shared__ double sums[256];
    double sum = 0.0;
    for (uint32_t i = threadIdx.x; i < count; i += 256) sum += parts[i];
    sums[threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.x == 0) {
        double total = 0.0;
        for (int i = 0; i < 256; i++) total += sums[i];
        double root = sqrt(total), scale = limit / (root + 1e-6);
        *norm = (float)root;
        *factor = isfinite(root) ? (scale < 1.0 ? (float)scale : 1.0f) : 0.0f;
    }
}

extern "C" __global__ void adamw(float *values, const float *grad, float *first, float *second, uint64_t count,
                                 const float *factor, float beta1, float beta2, float rest1, float rest2, float decay,
                                 float rate, float root, float eps) {
    float scale = *factor;
    if (scale == 0.0f) return;
    EACH(i, count) {
        float g = grad[i] * scale;
        float m = first[i] = beta1 * first[i] + rest1 * g;
        float v = second[i] = beta2 * second[i] + rest2 * g * g;
        values[i] = values[i] * decay - rate * m / (sqrtf(v) / root + eps);
    }
}
