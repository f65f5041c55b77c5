import { QueryObserver } from "@tanstack/react-query";
import { expect, it } from "vitest";

import { queryClient, renew } from "./queries";

it("asks anew where the first answer, still under way, may be older than what changed", async () => {
  const answers: ((text: string) => void)[] = [];
  const observer = new QueryObserver(queryClient, {
    queryKey: ["sync.pair", { pairId: "1" }],
    queryFn: ({ signal }) =>
      new Promise<string>((resolve, reject) => {
        signal.addEventListener("abort", () => reject(new Error("given up")));
        answers.push(resolve);
      }),
  });
  const end = observer.subscribe(() => undefined);
  await expect.poll(() => answers.length).toBe(1);
  renew("sync");
  await expect.poll(() => answers.length).toBe(2);
  answers[0]?.("running");
  answers[1]?.("preview");
  await expect.poll(() => observer.getCurrentResult().data).toBe("preview");
  end();
});
