// Number by number.
#include "warp.cuh"

__device__ __forceinline__ float normal_cdf(float x) { return 0.5f * (1.0f + erff(x * 0.70710678118654752f)); }

extern "C" __global__ void gelu(const float *x, uint64_t count, float *y) {
    EACH(i, count) y[i] = x[i] * normal_cdf(x[i]);
}

extern "C" __global__ void gelu_backward(const float *x, const float *grad, uint64_t count, float *grad_x) {
    EACH(i, count) {
        float density = 0.3989422804014327f * expf(-0.5f * x[i] * x[i]);
        grad_x[i] = grad[i] * (normal_cdf(x[i]) + x[i] * density);
    }
}

extern "C" __global__ void sigmoid(const float *x, uint64_t count, float *y) {
    EACH(i, count) y[i] = 1.0f / (1.0f + expf(-x[i]));
}

extern "C" __global__ void sigmoid_backward(const float *y, const float *grad, uint64_t count, float *grad_x) {
    EACH(i, count) grad_x[i] = grad[i] * y[i] * (1.0f - y[i]);
}

extern "C" __global__ void dropout(const float *x, uint64_t count, uint64_t seed, float rate, float *y) {
    EACH(i, count) y[i] = x[i] * dropout_factor(seed, i, rate);
}

// N(0, scale²) by Box and Muller (1958): row r is a function of seeds[r] alone.
extern "C" __global__ void normals(const uint64_t *seeds, uint32_t rows, uint32_t width, float scale, float *out) {
    uint32_t pairs = (width + 1) / 2;
    EACH(i, (size_t)rows * pairs) {
        uint32_t row = i / pairs, pair = i % pairs;
        uint64_t bits = hashed(seeds[row], pair);
        float u = ((float)(uint32_t)(bits >> 40) + 0.5f) / 16777216.0f;
        float turn = (float)(uint32_t)(bits & 0xffffff) / 16777216.0f, sine, cosine;
        float radius = scale * sqrtf(-2.0f * logf(u));
        sincospif(2.0f * turn, &sine, &cosine);
        float *to = out + (size_t)row * width + 2 * pair;
        to[0] = radius * cosine;
        if (2 * pair + 1 < width) to[1] = radius * sine;
    }
}
