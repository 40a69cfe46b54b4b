// The discrete Fourier transform of a power-of-two length, in place (Cooley and Tukey 1965, radix 2).

export interface ComplexArray {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

export function complexArray(length: number): ComplexArray {
  return { re: new Float64Array(length), im: new Float64Array(length) };
}

/** X[k] = Σ x[n] e^(−2πikn/N), in place. N is a power of two. */
export function transform({ re, im }: ComplexArray): void {
  reverseBits(re, im);
  const length = re.length;
  const roots = rootsOfUnity(length);
  for (let half = 1; half < length; half *= 2) combine(re, im, { half, roots });
}

/** x[n] = 1/N Σ X[k] e^(2πikn/N), in place: the transform with its parts exchanged. */
export function inverseTransform({ re, im }: ComplexArray): void {
  transform({ re: im, im: re });
  const scale = 1 / re.length;
  for (let n = 0; n < re.length; n += 1) {
    re[n] = (re[n] ?? 0) * scale;
    im[n] = (im[n] ?? 0) * scale;
  }
}

function combine(re: Float64Array, im: Float64Array, { half, roots }: { half: number; roots: ComplexArray }): void {
  const stride = re.length / (2 * half);
  for (let block = 0; block < re.length; block += 2 * half) {
    for (let k = 0, root = 0; k < half; k += 1, root += stride) {
      const low = block + k;
      const high = low + half;
      const cos = roots.re[root] ?? 0;
      const sin = roots.im[root] ?? 0;
      const x = re[high] ?? 0;
      const y = im[high] ?? 0;
      const turnedX = x * cos - y * sin;
      const turnedY = x * sin + y * cos;
      const lowX = re[low] ?? 0;
      const lowY = im[low] ?? 0;
      re[high] = lowX - turnedX;
      im[high] = lowY - turnedY;
      re[low] = lowX + turnedX;
      im[low] = lowY + turnedY;
    }
  }
}

/** Each root by its own sine and cosine: recurrences would lose digits. */
function rootsOfUnity(length: number): ComplexArray {
  const roots = complexArray(Math.max(1, length / 2));
  for (let k = 0; k < roots.re.length; k += 1) {
    const angle = (-2 * Math.PI * k) / length;
    roots.re[k] = Math.cos(angle);
    roots.im[k] = Math.sin(angle);
  }
  return roots;
}

function reverseBits(re: Float64Array, im: Float64Array): void {
  const length = re.length;
  for (let n = 1, reversed = 0; n < length; n += 1) {
    let bit = length >> 1;
    for (; (reversed & bit) !== 0; bit >>= 1) reversed ^= bit;
    reversed ^= bit;
    if (n < reversed) {
      swap(re, n, reversed);
      swap(im, n, reversed);
    }
  }
}

function swap(values: Float64Array, a: number, b: number): void {
  const kept = values[a] ?? 0;
  values[a] = values[b] ?? 0;
  values[b] = kept;
}
