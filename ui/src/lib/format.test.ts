import { describe, expect, it } from "vitest";

import { formatBytes, formatDuration, formatList, formatPercent, formatRelative } from "./format";

describe("sizes", () => {
  it.each([
    [0, "0 bytes"],
    [1, "1 byte"],
    [999, "999 bytes"],
    [1000, "1 kB"],
    [1536, "1.54 kB"],
    [15_360, "15.4 kB"],
    [999_999, "1 MB"],
    [1_300_000_000, "1.3 GB"],
    [123_456_789_012, "123 GB"],
    [9_007_199_254_740_991, "9.01 PB"],
  ])("%d bytes are %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe("shares", () => {
  it("never claims to be whole before it is", () => {
    expect(formatPercent(0.999)).toBe("99%");
    expect(formatPercent(1)).toBe("100%");
    expect(formatPercent(7)).toBe("100%");
    expect(formatPercent(-1)).toBe("0%");
  });
});

describe("lengths of time", () => {
  it.each([
    [400, "0 sec"],
    [59_000, "59 sec"],
    [65_000, "1 min 5 sec"],
    [600_000, "10 min"],
    [3_900_000, "1 hr 5 min"],
    [93_600_000, "1 day 2 hr"],
  ])("%d ms are %s", (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });
});

describe("moments", () => {
  const now = Date.UTC(2026, 10, 22, 12, 0, 0);
  it.each([
    [now - 10_000, "just now"],
    [now - 5 * 60_000, "5 minutes ago"],
    [now - 3 * 3_600_000, "3 hours ago"],
    [now - 24 * 3_600_000, "yesterday"],
    [now + 2 * 3_600_000, "in 2 hours"],
    [now - 40 * 86_400_000, "Oct 13, 2026"],
  ])("%d is %s", (moment, text) => {
    expect(formatRelative(moment, now)).toBe(text);
  });
});

describe("several things", () => {
  it("are a part of a sentence", () => {
    expect(formatList(["a"])).toBe("a");
    expect(formatList(["a", "b", "c"])).toBe("a, b, and c");
  });
});
