// Each picture by its own mean and standard deviation: exposure and contrast differ between machines, and say nothing of a patient.

/**
 * A deviation below this, of values from 0 to 1, is none: a picture of one grey. A picture of two greys has at least
 * 1/255 · √(N − 1) / N, which is 1.9e-6 for the largest that a plan may name (1024 × 1024 × 4 values).
 */
export const leastDeviation = 1e-6;

export interface Pictures {
  /** Values of one picture, all channels together. */
  readonly size: number;
  /** The largest value: 255 for bytes, 1 for numbers from 0 to 1. */
  readonly unit: number;
}

/**
 * Of each picture (x − m) / max(s, `leastDeviation`): m its mean and s its population standard deviation (ddof 0), over every pixel and
 * channel. One grey gives zeros. Sums of bytes are exact, so that a picture of one grey has exactly that mean, and every platform the same
 * bits. What a picture becomes depends on no other patient: nothing of it is to be charged to a privacy budget, and clipping each patient's
 * gradient bounds it as before.
 *
 * Source: `tf.image.per_image_standardization` of TensorFlow 2, whose least deviation is 1/√N.
 *
 * @param values row-major, pictures × `size`
 */
export function standardisePictures(values: Float32Array, { size, unit }: Pictures): Float32Array<ArrayBuffer> {
  const standard = new Float32Array(values.length);
  for (let start = 0; start < values.length; start += size) {
    const picture = values.subarray(start, start + size);
    const mean = meanOf(picture);
    const divisor = Math.max(deviationOf(picture, mean), leastDeviation * unit);
    picture.forEach((value, i) => {
      standard[start + i] = (value - mean) / divisor;
    });
  }
  return standard;
}

function meanOf(picture: Float32Array): number {
  let sum = 0;
  for (const value of picture) sum += value;
  return sum / picture.length;
}

function deviationOf(picture: Float32Array, mean: number): number {
  let squares = 0;
  for (const value of picture) squares += (value - mean) * (value - mean);
  return Math.sqrt(squares / picture.length);
}
