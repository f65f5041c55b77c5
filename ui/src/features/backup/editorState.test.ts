import { describe, expect, it } from "vitest";

import type { Plan } from "../../api";
import { faultsOf, FRESH, fromClock, fromPlan, toClock, toSave, withSource, type EditorState } from "./editorState";

const complete: EditorState = { ...FRESH, name: " Photos ", placeId: "p", sources: [{ path: "/a%25", display: "/a%" }] };

describe("the plan editor", () => {
  it("names what is missing", () => {
    expect([...faultsOf(FRESH)].sort()).toEqual(["name", "place", "sources"]);
    expect([...faultsOf({ ...complete, kind: "everyHours", hours: "169", maxMegabytes: "-1" })].sort()).toEqual(["hours", "max"]);
    expect(faultsOf({ ...complete, kind: "daily", hours: "nonsense" }).size).toBe(0);
  });

  it("sends exact paths, whole lines of exclusions and bytes", () => {
    const save = toSave({ ...complete, exclude: "*.tmp \n\n  !keep.tmp\n", maxMegabytes: "1.5", kind: "weekly", weekday: "3", time: "06:30" }, undefined);
    expect(save).toEqual({
      name: "Photos",
      placeId: "p",
      sources: ["/a%25"],
      schedule: { kind: "weekly", weekday: 3, atMinutes: 390 },
      enabled: true,
      rules: { exclude: ["*.tmp", "  !keep.tmp"], excludeCaches: true, oneFileSystem: false, maxFileBytes: 1_500_000 },
    });
  });

  it("gives back a plan as it was", () => {
    const plan = {
      id: "x",
      name: "Photos",
      placeId: "p",
      sources: [{ path: "/a", display: "/a" }],
      schedule: { kind: "everyHours", hours: 6 },
      enabled: false,
      rules: { exclude: ["a", "b"], excludeCaches: false, oneFileSystem: true, maxFileBytes: 2_000_000 },
    } as unknown as Plan;
    const save = toSave(fromPlan(plan), plan.id);
    expect(save).toEqual({ id: "x", name: "Photos", placeId: "p", sources: ["/a"], schedule: plan.schedule, enabled: false, rules: plan.rules });
  });

  it("does not take a folder twice", () => {
    const twice = withSource(withSource(FRESH, { path: "/a", display: "/a" }), { path: "/a", display: "/a" });
    expect(twice.sources).toHaveLength(1);
    expect(withSource(FRESH, { path: "", display: "" })).toBe(FRESH);
  });

  it("times of day there and back", () => {
    expect(toClock(390)).toBe("06:30");
    expect(fromClock("06:30")).toBe(390);
    expect(fromClock("")).toBe(720);
    expect(fromClock("29:99")).toBe(23 * 60 + 59);
  });
});
