import { describe, expect, it } from "vitest";

import { momentBeside } from "./moments";

const at = new Date(2026, 8, 21, 14, 13, 20, 5).getTime();

describe("a moment beside another", () => {
  it.each([
    ["alone", null, "Sep 21, 2026, 14:13"],
    ["of another minute", at + 60_000, "Sep 21, 2026, 14:13"],
    ["of the same minute", at + 2000, "Sep 21, 2026, 14:13:20"],
    ["that is the same", at, "Sep 21, 2026, 14:13:20"],
    ["of the same second", at + 20, "Sep 21, 2026, 14:13:20.005"],
  ])("%s", (_, beside, text) => {
    expect(momentBeside(at, beside)).toBe(text);
  });
});
