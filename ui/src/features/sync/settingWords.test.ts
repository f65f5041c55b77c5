import { describe, expect, it } from "vitest";

import { settingFacts } from "./settingWords";
import { testPair } from "./testPair";

const names = { left: "Laptop", right: "Stick" };
const fact = (name: string, over: Parameters<typeof testPair>[0]) => settingFacts(testPair(over), names).find((one) => one.name === name)?.value ?? "";

describe("when a pair runs", () => {
  it("is live, or by the clock, or both, and never only when told while it is live", () => {
    expect(fact("Runs", { live: true })).toBe("Live");
    expect(fact("Runs", { live: true, schedule: { kind: "daily", atMinutes: 600 } })).toBe("Live, and every day at 10:00");
    expect(fact("Runs", {})).toBe("Only when you say so");
  });
});

describe("when a pair halts", () => {
  const usual = testPair().brakes;

  it("names the rule of small pairs where the numbers are the usual ones", () => {
    const halts = (over: Partial<typeof usual>) => fact("Halts and asks", { brakes: { ...usual, ...over } });
    expect(halts({})).toContain("more than half of it is gone, or more than three quarters of its files are rewritten");
    expect(halts({ removedItems: 30 })).not.toContain("half");
    expect(halts({ removedItems: 30 })).toContain("three quarters");
    expect(halts({ rewrittenPercent: 50 })).not.toContain("three quarters");
    expect(halts({ removedItems: 30, rewrittenPercent: 50 })).not.toContain("small pair");
  });
});
