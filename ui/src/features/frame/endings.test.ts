import { expect, it } from "vitest";

import type { Job } from "../../api";
import { endingNews } from "./endings";

it("tells of what did not end well, and is quiet otherwise", () => {
  const job = (state: string, problems = 0) => ({ state, problems, title: "Photos to USB drive" }) as Job;
  expect(endingNews(job("failed"))).toBe("Failed: Photos to USB drive");
  expect(endingNews(job("succeededWithProblems", 2))).toBe("2 problems: Photos to USB drive");
  expect(endingNews(job("succeeded"))).toBeUndefined();
  expect(endingNews(job("cancelled"))).toBeUndefined();
});
