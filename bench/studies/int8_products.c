// int8 products of some rows with weights packed as [N/8][K/8][8 channels][8 bytes], as XNNPACK packs them for 8c8:
// by widening both operands to int16, as its AVX2 kernels do, and by vpmaddubsw of |x| and sign(w, x).
// gcc -O3 -mavx2 bench/studies/int8_products.c -o int8_products && taskset -c 0 ./int8_products
#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WIDEN(MR) \
static void widen##MR(const int8_t* a, int K, const int8_t* w, int N, int32_t* c) { \
  for (int n = 0; n < N; n += 8) { \
    __m256i acc[MR][4]; \
    for (int m = 0; m < MR; m++) for (int i = 0; i < 4; i++) acc[m][i] = _mm256_setzero_si256(); \
    for (int k = 0; k < K; k += 8, w += 64) { \
      __m256i b0 = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)w)); \
      __m256i b1 = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)(w + 16))); \
      __m256i b2 = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)(w + 32))); \
      __m256i b3 = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)(w + 48))); \
      for (int m = 0; m < MR; m++) { \
        __m256i x = _mm256_cvtepi8_epi16(_mm_set1_epi64x(*(const int64_t*)(a + m * K + k))); \
        acc[m][0] = _mm256_add_epi32(acc[m][0], _mm256_madd_epi16(x, b0)); \
        acc[m][1] = _mm256_add_epi32(acc[m][1], _mm256_madd_epi16(x, b1)); \
        acc[m][2] = _mm256_add_epi32(acc[m][2], _mm256_madd_epi16(x, b2)); \
        acc[m][3] = _mm256_add_epi32(acc[m][3], _mm256_madd_epi16(x, b3)); \
      } \
    } \
    for (int m = 0; m < MR; m++) { \
      __m256i s01 = _mm256_hadd_epi32(acc[m][0], acc[m][1]), s23 = _mm256_hadd_epi32(acc[m][2], acc[m][3]); \
      __m256i s = _mm256_hadd_epi32(s01, s23); \
      s = _mm256_permutevar8x32_epi32(s, _mm256_set_epi32(7, 3, 6, 2, 5, 1, 4, 0)); \
      _mm256_storeu_si256((__m256i*)(c + m * N + n), s); \
    } \
  } \
}
#define BYTES(MR) \
static void bytes##MR(const int8_t* a, int K, const int8_t* w, int N, int32_t* c) { \
  const __m256i ones = _mm256_set1_epi16(1); \
  for (int n = 0; n < N; n += 8) { \
    __m256i acc[MR][2]; \
    for (int m = 0; m < MR; m++) acc[m][0] = acc[m][1] = _mm256_setzero_si256(); \
    for (int k = 0; k < K; k += 8, w += 64) { \
      __m256i b0 = _mm256_loadu_si256((const __m256i*)w), b1 = _mm256_loadu_si256((const __m256i*)(w + 32)); \
      for (int m = 0; m < MR; m++) { \
        __m256i x = _mm256_set1_epi64x(*(const int64_t*)(a + m * K + k)), u = _mm256_abs_epi8(x); \
        acc[m][0] = _mm256_add_epi32(acc[m][0], _mm256_madd_epi16(_mm256_maddubs_epi16(u, _mm256_sign_epi8(b0, x)), ones)); \
        acc[m][1] = _mm256_add_epi32(acc[m][1], _mm256_madd_epi16(_mm256_maddubs_epi16(u, _mm256_sign_epi8(b1, x)), ones)); \
      } \
    } \
    for (int m = 0; m < MR; m++) { \
      __m256i s = _mm256_hadd_epi32(acc[m][0], acc[m][1]); \
      s = _mm256_permute4x64_epi64(s, 0xD8); \
      _mm256_storeu_si256((__m256i*)(c + m * N + n), s); \
    } \
  } \
}
WIDEN(1) WIDEN(2) WIDEN(3) WIDEN(4) BYTES(1) BYTES(2) BYTES(3) BYTES(4)

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + 1e-9 * t.tv_nsec; }
typedef void (*Kernel)(const int8_t*, int, const int8_t*, int, int32_t*);
static double best(Kernel f, int rows, const int8_t* a, int K, const int8_t* w, int N, int32_t* c, int copies) {
  double least = 1e9; size_t size = (size_t)N * K;
  for (int r = 0; r < 30; r++) {
    double t = now(); for (int i = 0; i < copies; i++) f(a, K, w + i * size, N, c); t = (now() - t) / copies;
    if (t < least) least = t;
  }
  return rows * size / least / 1e9;
}
int main(void) {
  const int K = 576; int Ns[] = {64, 1536, 1536}, copies[] = {1, 1, 100};
  const char* where[] = {"L2", "L3", "memory"};
  int8_t *a = aligned_alloc(64, 8 * K), *w = aligned_alloc(64, (size_t)1536 * K * 100);
  srand(1); for (int i = 0; i < 8 * K; i++) a[i] = rand() % 256 - 128;
  for (size_t i = 0; i < (size_t)1536 * K * 100; i++) w[i] = rand() % 255 - 127;
  static int32_t c1[8 * 1536], c2[8 * 1536];
  widen4(a, K, w, 1536, c1); bytes4(a, K, w, 1536, c2);
  printf("equal %d\n", !memcmp(c1, c2, 4 * 1536 * sizeof(int32_t)));
  struct { const char* name; int rows; Kernel kernel; } all[] = {
    {"widen", 1, widen1}, {"bytes", 1, bytes1}, {"widen", 2, widen2}, {"bytes", 2, bytes2},
    {"widen", 3, widen3}, {"bytes", 3, bytes3}, {"widen", 4, widen4}, {"bytes", 4, bytes4}};
  for (int i = 0; i < 3; i++) for (unsigned j = 0; j < sizeof all / sizeof *all; j++) {
    double rate = best(all[j].kernel, all[j].rows, a, K, w, Ns[i], c1, copies[i]);
    printf("%-7s %d rows, %s: %6.1f GMAC/s\n", where[i], all[j].rows, all[j].name, rate);
  }
}
