/** Runs a plan now. */
import { tellFailed } from "../../components/news";
import { useAct } from "../../lib/queries";

export function useRunPlan() {
  return useAct("plan.run", { renews: ["plan", "job"], onFailed: (failure) => tellFailed(failure.message, failure.details.hint ?? undefined) });
}
