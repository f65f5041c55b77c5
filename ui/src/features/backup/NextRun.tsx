/** When a plan runs next; one that is late runs as soon as it can. */
import { Moment } from "../../components/Values";
import { useNow } from "../../lib/now";
import { rich } from "../../text/rich";
import { t } from "../../text/text";

export function NextRun({ at }: { at: number }) {
  const now = useNow();
  return <span>{at <= now ? t("backup.due") : rich("backup.next", { when: <Moment at={at} /> })}</span>;
}
