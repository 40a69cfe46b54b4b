// The least value of a function with one valley.

/** Where f is least between `from` and `to`: looked for on 48 points, then by the golden section. */
export function leastNear(f: (x: number) => number, { from, to }: { from: number; to: number }): number {
  const points = 48;
  const width = (to - from) / points;
  let best = from;
  let value = f(from);
  for (let k = 1; k <= points; k += 1) {
    const x = from + k * width;
    const next = f(x);
    if (next < value || Number.isNaN(value)) [best, value] = [x, next];
  }
  return goldenSection(f, Math.max(from, best - width), Math.min(to, best + width));
}

const golden = (Math.sqrt(5) - 1) / 2;

function goldenSection(f: (x: number) => number, from: number, to: number): number {
  let [low, high] = [from, to];
  let [left, right] = [high - golden * (high - low), low + golden * (high - low)];
  let [atLeft, atRight] = [f(left), f(right)];
  for (let k = 0; k < 24; k += 1) {
    if (atLeft <= atRight) {
      [high, right, atRight] = [right, left, atLeft];
      left = high - golden * (high - low);
      atLeft = f(left);
    } else {
      [low, left, atLeft] = [left, right, atRight];
      right = low + golden * (high - low);
      atRight = f(right);
    }
  }
  return atLeft <= atRight ? left : right;
}
