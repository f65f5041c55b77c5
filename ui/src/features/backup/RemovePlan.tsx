/** Asks before a plan goes; its snapshots stay. */
import type { Plan } from "../../api";
import { Confirm } from "../../components/Dialog";
import { tellDone, tellFailed } from "../../components/news";
import { useAct } from "../../lib/queries";
import { t } from "../../text/text";

export function RemovePlan({ plan, place, onClose, onRemoved }: { plan: Plan; place: string; onClose: () => void; onRemoved?: () => void }) {
  const remove = useAct("plan.remove", {
    renews: ["plan", "place", "scheduler"],
    onDone: () => {
      tellDone(t("plan.removed", { name: plan.name }));
      onClose();
      onRemoved?.();
    },
    onFailed: (failure) => tellFailed(failure.message, failure.details.hint ?? undefined),
  });
  return (
    <Confirm
      open
      danger
      onClose={onClose}
      onConfirm={() => remove.mutate({ planId: plan.id })}
      busy={remove.isPending}
      heading={t("plan.remove_heading", { name: plan.name })}
      confirm={t("backup.remove")}
    >
      {t("plan.remove_text", { place })}
    </Confirm>
  );
}
