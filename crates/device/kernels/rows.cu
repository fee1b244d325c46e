// Rows: sums, means and maxima of segments, norms, sums of columns. Every sum has one order.
#include "warp.cuh"

// out[s] = factor(s) · Σ x[order[i]] over i in starts[s]..starts[s + 1]; `order` may be absent.
extern "C" __global__ void segment_sum(const float *x, const uint32_t *order, uint32_t ordered, const uint32_t *starts,
                                       uint32_t width, uint32_t mean, float *out) {
    uint32_t segment = blockIdx.x, first = starts[segment], end = starts[segment + 1];
    float scale = mean ? 1.0f / (float)(end - first) : 1.0f;
    for (uint32_t column = threadIdx.x; column < width; column += blockDim.x) {
        float sum = 0.0f;
        for (uint32_t i = first; i < end; i++) {
            uint32_t row = ordered ? order[i] : i;
            sum += x[(size_t)row * width + column];
        }
        out[(size_t)segment * width + column] = sum * scale;
    }
}

// Every row of a segment becomes the segment's row, divided by the rows if `mean`.
extern "C" __global__ void segment_spread(const float *rows, const uint32_t *starts, uint32_t width, uint32_t mean,
                                          float *out) {
    uint32_t segment = blockIdx.x, first = starts[segment], end = starts[segment + 1];
    float scale = mean ? 1.0f / (float)(end - first) : 1.0f;
    for (uint32_t column = threadIdx.x; column < width; column += blockDim.x) {
        float value = rows[(size_t)segment * width + column] * scale;
        for (uint32_t row = first; row < end; row++) out[(size_t)row * width + column] = value;
    }
}

extern "C" __global__ void segment_max(const float *x, const uint32_t *starts, uint32_t width, float *out) {
    uint32_t segment = blockIdx.x, first = starts[segment], end = starts[segment + 1];
    for (uint32_t column = threadIdx.x; column < width; column += blockDim.x) {
        float largest = x[(size_t)first * width + column];
        for (uint32_t row = first + 1; row < end; row++) {
            float value = x[(size_t)row * width + column];
            if (value > largest) largest = value;
        }
        out[(size_t)segment * width + column] = largest;
    }
}

// The first of equal numbers has the gradient.
extern "C" __global__ void segment_max_backward(const float *x, const float *grad, const uint32_t *starts,
                                                uint32_t width, float *grad_x) {
    uint32_t segment = blockIdx.x, first = starts[segment], end = starts[segment + 1];
    for (uint32_t column = threadIdx.x; column < width; column += blockDim.x) {
        uint32_t best = first;
        for (uint32_t row = first; row < end; row++) {
            grad_x[(size_t)row * width + column] = 0.0f;
            if (x[(size_t)row * width + column] > x[(size_t)best * width + column]) best = row;
        }
        grad_x[(size_t)best * width + column] = grad[(size_t)segment * width + column];
    }
}

// Mean and 1/√(variance + eps) of a row, by a warp.
__device__ __forceinline__ void moments(const float *row, uint32_t width, uint32_t lane, float eps, float *mean,
                                        float *scale) {
    float sum = 0.0f;
    for (uint32_t i = lane; i < width; i += 32) sum += row[i];
    *mean = warp_sum(sum) / (float)width;
    float squares = 0.0f;
    for (uint32_t i = lane; i < width; i += 32) squares += (row[i] - *mean) * (row[i] - *mean);
    *scale = rsqrtf(warp_sum(squares) / (float)width + eps);
}

extern "C" __global__ void layer_norm(const float *x, const float *weight, const float *bias, uint32_t rows,
                                      uint32_t width, float eps, float *y) {
    uint32_t row = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
    if (row >= rows) return;
    const float *in = x + (size_t)row * width;
    float mean, scale;
    moments(in, width, lane, eps, &mean, &scale);
    for (uint32_t i = lane; i < width; i += 32) y[(size_t)row * width + i] = (in[i] - mean) * scale * weight[i] + bias[i];
}

extern "C" __global__ void layer_norm_backward(const float *x, const float *weight, const float *grad, uint32_t rows,
                                               uint32_t width, float eps, float *grad_x, float *sums) {
    uint32_t row = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
    if (row >= rows) return;
    const float *in = x + (size_t)row * width, *g = grad + (size_t)row * width;
    float mean, scale;
    moments(in, width, lane, eps, &mean, &scale);
    float sum = 0.0f, projected = 0.0f;
    for (uint32_t i = lane; i < width; i += 32) {
        float scaled = g[i] * weight[i];
        sum += scaled;
        projected += scaled * (in[i] - mean) * scale;
    }
    sum = warp_sum(sum) / (float)width;
    projected = warp_sum(projected) / (float)width;
    for (uint32_t i = lane; i < width; i += 32)
        grad_x[(size_t)row * width + i] = scale * (g[i] * weight[i] - sum - (in[i] - mean) * scale * projected);
    if (lane == 0) {
        sums[2 * (size_t)row] = mean;
        sums[2 * (size_t)row + 1] = scale;
    }
}

// Sums over the rows of a part: of `grad`, and of `grad` times the normalised x if `sums` has its moments.
// parts [parts, 2 or 1, width].
extern "C" __global__ void column_sums(const float *grad, const float *x, const float *sums, uint32_t normalised,
                                       uint32_t rows, uint32_t width, uint32_t rows_of_part, float *parts) {
    uint32_t first = blockIdx.x * rows_of_part, end = min(rows, first + rows_of_part);
    float *to = parts + (size_t)blockIdx.x * (normalised ? 2 : 1) * width;
    for (uint32_t column = blockIdx.y * blockDim.x + threadIdx.x; column < width; column += blockDim.x * gridDim.y) {
        float sum = 0.0f, projected = 0.0f;
        for (uint32_t row = first; row < end; row++) {
            float g = grad[(size_t)row * width + column];
            sum += g;
            if (normalised)
                projected += g * (x[(size_t)row * width + column] - sums[2 * (size_t)row]) * sums[2 * (size_t)row + 1];
        }
        to[column] = sum;
        if (normalised) to[width + column] = projected;
    }
}

extern "C" __global__ void add_parts(const float *parts, uint32_t count, uint32_t width, float *out) {
    EACH(i, width) {
        float sum = 0.0f;
        for (uint32_t part = 0; part < count; part++) sum += parts[(size_t)part * width + i];
        out[i] = sum;
    }
}

extern "C" __global__ void add_bias(float *y, const float *bias, uint64_t count, uint32_t width) {
    EACH(i, count) y[i] += bias[i % width];
}
