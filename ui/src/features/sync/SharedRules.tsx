/**
 * The rules of what is left out that lie in the places themselves, and count for whoever syncs these.
 *
 * Invariant: what is written was read before; they are written by their own button, into both places at once.
 */
import { useState } from "react";

import type { SyncPair, SyncSharedRules } from "../../api";
import { Button } from "../../components/Button";
import { Field } from "../../components/Form";
import { More } from "../../components/More";
import { tellDone } from "../../components/news";
import { Loading, Notice } from "../../components/Page";
import { Trouble } from "../../components/Trouble";
import { useAct, useAsk } from "../../lib/queries";
import { t } from "../../text/text";
import { placeNames } from "./names";
import styles from "./Sync.module.css";

function Lines({ pair, rules }: { pair: SyncPair; rules: SyncSharedRules }) {
  const [text, setText] = useState(rules.text);
  const names = placeNames(pair);
  const save = useAct("sync.sharedRulesSave", {
    renews: ["sync"],
    onDone: (saved) => {
      setText(saved.text);
      tellDone(t("shared.saved"));
    },
  });
  const isSame = text === rules.text && !rules.differ;
  return (
    <>
      {rules.differ && (
        <Notice tone="idle" heading={t("shared.differ")}>
          {rules.left === null || rules.right === null ? t("shared.only_in", { place: rules.left === null ? names.right : names.left }) : t("shared.differ_text")}
        </Notice>
      )}
      <Field label={t("shared.lines")} hint={t("shared.hint")}>
        <textarea aria-label={t("shared.lines")} value={text} rows={4} spellCheck={false} onChange={(event) => setText(event.target.value)} className={styles.area} />
      </Field>
      {save.error && <Trouble error={save.error.details} />}
      <div>
        <Button busy={save.isPending} disabled={isSame} onClick={() => save.mutate({ pairId: pair.id, text, before: rules.text })}>
          {t("shared.save")}
        </Button>
      </div>
    </>
  );
}

export function SharedRules({ pair }: { pair: SyncPair }) {
  const answer = useAsk("sync.sharedRules", { pairId: pair.id });
  const rules = answer.data;
  return (
    <More heading={t("shared.heading")} about={t("shared.about")} changed={rules !== undefined && rules.text.trim() !== ""}>
      {answer.error ? <Trouble error={answer.error.details} onRetry={() => void answer.refetch()} /> : rules === undefined ? <Loading /> : <Lines pair={pair} rules={rules} />}
    </More>
  );
}
