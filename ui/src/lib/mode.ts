/** Unix permission bits as `ls` writes them. */
export function modeText(mode: number): string {
  const letters = ["r", "w", "x"];
  const bits = Array.from({ length: 9 }, (_, index) => ((mode >> (8 - index)) & 1 ? (letters[index % 3] ?? "-") : "-"));
  const special = (bit: number, index: number, set: string, bare: string) => {
    if ((mode & bit) !== 0) bits[index] = bits[index] === "x" ? set : bare;
  };
  special(0o4000, 2, "s", "S");
  special(0o2000, 5, "s", "S");
  special(0o1000, 8, "t", "T");
  return bits.join("");
}
