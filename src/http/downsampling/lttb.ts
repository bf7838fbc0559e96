/**
 * Largest-Triangle-Three-Buckets (S. Steinarsson, "Downsampling Time Series for Visual Representation", 2013, 4.2): picks
 * `points` of a series so that a chart of them looks like one of all. Returns their indices, ascending, the first and the last
 * point always among them; all of them if there are no more than `points`.
 * @param points at least 2
 */
export function pickLttb(times: readonly number[], values: readonly number[], points: number): number[] {
  const count = times.length;
  if (count <= points) return times.map((_, index) => index);
  const picked = [0];
  for (let bucket = 0; bucket < points - 2; bucket++) {
    const start = bucketStart(bucket, count, points);
    const end = bucketStart(bucket + 1, count, points);
    const next = centre(times, values, end, Math.min(bucketStart(bucket + 2, count, points), count));
    picked.push(largestTriangle(times, values, picked.at(-1) as number, start, end, next));
  }
  picked.push(count - 1);
  return picked;
}

/** The first and last point are buckets of their own; the others share what is between. */
function bucketStart(bucket: number, count: number, points: number): number {
  return bucket >= points - 2 ? count - 1 : 1 + Math.floor((bucket * (count - 2)) / (points - 2));
}

interface Point {
  readonly time: number;
  readonly value: number;
}

function centre(times: readonly number[], values: readonly number[], start: number, end: number): Point {
  // At the end the next bucket is the last point alone.
  const last = Math.max(end, start + 1);
  let time = 0;
  let value = 0;
  for (let i = start; i < last; i++) {
    // Divided ahead of the sum, which stays finite thus however large the values are.
    time += (times[i] as number) / (last - start);
    value += (values[i] as number) / (last - start);
  }
  return { time, value };
}

function largestTriangle(
  times: readonly number[],
  values: readonly number[],
  before: number,
  start: number,
  end: number,
  next: Point,
): number {
  const time = times[before] as number;
  const value = values[before] as number;
  let best = start;
  let bestArea = -1;
  for (let i = start; i < end; i++) {
    const area = Math.abs(
      (time - next.time) * ((values[i] as number) - value) -
        (time - (times[i] as number)) * (next.value - value),
    );
    if (area <= bestArea) continue;
    bestArea = area;
    best = i;
  }
  return best;
}
