// The set reconstruction loss, one block a set. Minima are sought by row and by column, so that no two
// threads write one number.
#include "warp.cuh"

#define NORM_EPS 1e-8f
#define POSITION_WEIGHT 3.0f
#define SPREAD_WEIGHT 0.1f

// Of a row, or a column: the nearest partner by direction, magnitude and position.
struct Nearest {
    float direction, magnitude, position;
    uint32_t by_direction, by_magnitude, by_position;
};

__device__ __forceinline__ void products(const float *a, const float *b, uint32_t width, uint32_t lane, float *product,
                                         float *distance) {
    float p = 0.0f, d = 0.0f;
    for (uint32_t i = lane; i < width; i += 32) {
        p += a[i] * b[i];
        d += (a[i] - b[i]) * (a[i] - b[i]);
    }
    *product = warp_sum(p);
    *distance = warp_sum(d);
}

__device__ Nearest nearest(const float *own, float own_norm, const float *others, const float *norms, uint32_t n,
                           uint32_t width, uint32_t lane) {
    Nearest best = {INFINITY, INFINITY, INFINITY, 0, 0, 0};
    for (uint32_t j = 0; j < n; j++) {
        float product, position;
        products(own, others + (size_t)j * width, width, lane, &product, &position);
        float direction = 1.0f - product / ((own_norm + NORM_EPS) * (norms[j] + NORM_EPS));
        float magnitude = fabsf(own_norm - norms[j]);
        if (direction < best.direction) best.direction = direction, best.by_direction = j;
        if (magnitude < best.magnitude) best.magnitude = magnitude, best.by_magnitude = j;
        if (position < best.position) best.position = position, best.by_position = j;
    }
    return best;
}

// Shared memory: norms of r and t [2n], the column means of r [width], then Nearest of rows and columns [2n].
__device__ void terms(const float *r, const float *t, uint32_t n, uint32_t width, float *shared) {
    uint32_t warps = blockDim.x / 32, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    float *norms = shared, *means = shared + 2 * n;
    Nearest *best = (Nearest *)(means + width);
    for (uint32_t i = warp; i < 2 * n; i += warps) {
        const float *row = (i < n ? r : t) + (size_t)(i < n ? i : i - n) * width;
        float squares = 0.0f;
        for (uint32_t c = lane; c < width; c += 32) squares += row[c] * row[c];
        squares = warp_sum(squares);
        if (lane == 0) norms[i] = sqrtf(squares);
    }
    for (uint32_t c = threadIdx.x; c < width; c += blockDim.x) {
        float sum = 0.0f;
        for (uint32_t i = 0; i < n; i++) sum += r[(size_t)i * width + c];
        means[c] = sum / (float)n;
    }
    __syncthreads();
    for (uint32_t i = warp; i < 2 * n; i += warps) {
        Nearest own = i < n ? nearest(r + (size_t)i * width, norms[i], t, norms + n, n, width, lane)
                            : nearest(t + (size_t)(i - n) * width, norms[i], r, norms, n, width, lane);
        if (lane == 0) best[i] = own;
    }
    __syncthreads();
}

extern "C" __global__ void chamfer(const float *r_all, const float *t_all, const uint32_t *starts, uint32_t width,
                                   float *losses) {
    extern __shared__ float shared[];
    __shared__ float spread[32];
    uint32_t set = blockIdx.x, first = starts[set], n = starts[set + 1] - first;
    const float *r = r_all + (size_t)first * width, *t = t_all + (size_t)first * width;
    terms(r, t, n, width, shared);
    const float *means = shared + 2 * n;
    const Nearest *best = (const Nearest *)(means + width);
    float squares = 0.0f;
    for (uint32_t c = threadIdx.x; c < width; c += blockDim.x)
        for (uint32_t i = 0; i < n; i++) {
            float apart = r[(size_t)i * width + c] - means[c];
            squares += apart * apart;
        }
    squares = warp_sum(squares);
    if (threadIdx.x % 32 == 0) spread[threadIdx.x / 32] = squares;
    __syncthreads();
    if (threadIdx.x == 0) {
        float direction = 0.0f, magnitude = 0.0f, position = 0.0f, variance = 0.0f;
        for (uint32_t i = 0; i < 2 * n; i++) {
            direction += best[i].direction;
            magnitude += best[i].magnitude;
            position += best[i].position;
        }
        for (uint32_t warp = 0; warp < blockDim.x / 32; warp++) variance += spread[warp];
        losses[set] = 0.5f * (direction + magnitude + POSITION_WEIGHT * position) / (float)n -
                      SPREAD_WEIGHT * variance / (float)(n * width);
    }
}

// Adds to `grad` what the pair (own, other) of one set gives to own.
__device__ void add_pair(uint32_t kind, float share, const float *own, float own_norm, const float *other,
                         float other_norm, uint32_t width, uint32_t lane, float *grad) {
    if (kind == 0) {
        float a = own_norm + NORM_EPS, b = other_norm + NORM_EPS, product, distance;
        products(own, other, width, lane, &product, &distance);
        float along = own_norm > 0.0f ? share * product / (a * a * b) / own_norm : 0.0f;
        for (uint32_t c = lane; c < width; c += 32) grad[c] += along * own[c] - share / (a * b) * other[c];
    } else if (kind == 1) {
        float apart = own_norm - other_norm;
        if (apart == 0.0f || own_norm == 0.0f) return;
        float along = (apart > 0.0f ? share : -share) / own_norm;
        for (uint32_t c = lane; c < width; c += 32) grad[c] += along * own[c];
    } else {
        float slope = 2.0f * POSITION_WEIGHT * share;
        for (uint32_t c = lane; c < width; c += 32) grad[c] += slope * (own[c] - other[c]);
    }
}

__device__ __forceinline__ uint32_t partner(const Nearest &nearest, uint32_t kind) {
    return kind == 0 ? nearest.by_direction : kind == 1 ? nearest.by_magnitude : nearest.by_position;
}

extern "C" __global__ void chamfer_backward(const float *r_all, const float *t_all, const float *grad_losses,
                                            const uint32_t *starts, uint32_t width, float *grad_r, float *grad_t) {
    extern __shared__ float shared[];
    uint32_t set = blockIdx.x, first = starts[set], n = starts[set + 1] - first;
    const float *r = r_all + (size_t)first * width, *t = t_all + (size_t)first * width;
    terms(r, t, n, width, shared);
    const float *norms = shared, *means = shared + 2 * n;
    const Nearest *best = (const Nearest *)(means + width);
    uint32_t warps = blockDim.x / 32, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    float scale = grad_losses[set], share = scale * 0.5f / (float)n;
    float spread = -scale * SPREAD_WEIGHT * 2.0f / (float)(n * width);
    for (uint32_t i = warp; i < 2 * n; i += warps) {
        bool of_r = i < n;
        uint32_t index = of_r ? i : i - n, others = of_r ? n : 0;
        const float *own = (of_r ? r : t) + (size_t)index * width, *other = of_r ? t : r;
        float *grad = (of_r ? grad_r : grad_t) + ((size_t)first + index) * width;
        for (uint32_t c = lane; c < width; c += 32) grad[c] = of_r ? spread * (own[c] - means[c]) : 0.0f;
        for (uint32_t kind = 0; kind < 3; kind++) {
            uint32_t j = partner(best[i], kind);
            add_pair(kind, share, own, norms[i], other + (size_t)j * width, norms[others + j], width, lane, grad);
            for (j = 0; j < n; j++)
                if (partner(best[others + j], kind) == index)
                    add_pair(kind, share, own, norms[i], other + (size_t)j * width, norms[others + j], width, lane,
                             grad);
        }
    }
}
