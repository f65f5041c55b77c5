import { describe, expect, it } from "vitest";

import { momentAmong, momentBeside } from "./moments";

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

describe("a moment among others", () => {
  it.each([
    ["alone", [], "Sep 21, 2026, 14:13"],
    ["with itself among them", [at], "Sep 21, 2026, 14:13"],
    ["with another of its minute", [at - 90_000, at + 2000, at], "Sep 21, 2026, 14:13:20"],
    ["with another of its second", [at + 2000, at + 20, at], "Sep 21, 2026, 14:13:20.005"],
  ])("%s", (_, others, text) => {
    expect(momentAmong(at, others)).toBe(text);
  });
});
