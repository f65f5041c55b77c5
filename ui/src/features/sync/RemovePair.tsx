/** Asks before a pair goes; both places stay as they are. */
import type { SyncPair } from "../../api";
import { Confirm } from "../../components/Dialog";
import { tellDone, tellFailed } from "../../components/news";
import { useAct } from "../../lib/queries";
import { t } from "../../text/text";

export function RemovePair({ pair, onClose, onRemoved }: { pair: SyncPair; onClose: () => void; onRemoved?: () => void }) {
  const remove = useAct("sync.pairRemove", {
    renews: ["sync", "scheduler"],
    onDone: () => {
      tellDone(t("sync.removed", { name: pair.name }));
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
      onConfirm={() => remove.mutate({ pairId: pair.id })}
      busy={remove.isPending}
      heading={t("sync.remove_heading", { name: pair.name })}
      confirm={t("sync.remove")}
    >
      {t("sync.remove_text")}
    </Confirm>
  );
}
