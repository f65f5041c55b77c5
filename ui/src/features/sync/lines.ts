/** The lines of two texts beside each other. Pure. */
import type { DiffLine } from "../../api";

interface LinePair {
  left: DiffLine | undefined;
  right: DiffLine | undefined;
  gap: boolean;
}

/** Lines that differ stand beside each other: the ones of a block on the left, then those on the right. */
export function pairLines(lines: readonly DiffLine[]): LinePair[] {
  const pairs: LinePair[] = [];
  let lefts: DiffLine[] = [];
  let rights: DiffLine[] = [];
  const flush = () => {
    for (let index = 0; index < Math.max(lefts.length, rights.length); index += 1) pairs.push({ left: lefts[index], right: rights[index], gap: false });
    lefts = [];
    rights = [];
  };
  for (const line of lines) {
    if (line.kind === "left") lefts.push(line);
    else if (line.kind === "right") rights.push(line);
    else {
      flush();
      pairs.push({ left: line, right: line, gap: line.kind === "gap" });
    }
  }
  flush();
  return pairs;
}
