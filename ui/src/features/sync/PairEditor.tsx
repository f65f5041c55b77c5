/** Changes how a pair works. Its two places stay: another place is another pair. */
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";

import type { SyncPair } from "../../api";
import { Button } from "../../components/Button";
import { tellDone } from "../../components/news";
import { Loading, Page, Section } from "../../components/Page";
import { Trouble } from "../../components/Trouble";
import { useAct, useAsk } from "../../lib/queries";
import { t } from "../../text/text";
import { LeftOutPart, SafetyPart, WayPart, WhenPart } from "./PairFields";
import { placeNames } from "./names";
import { SharedRules } from "./SharedRules";
import styles from "./Sync.module.css";
import { fromPair, pairFaults, toPairSave, type PairFields } from "./wizardState";

function Editor({ pair }: { pair: SyncPair }) {
  const navigate = useNavigate();
  const [fields, setFields] = useState<PairFields>(() => fromPair(pair));
  const [asked, setAsked] = useState(false);
  const save = useAct("sync.pairSave", {
    renews: ["sync", "scheduler"],
    onDone: (saved) => {
      tellDone(t("sync.saved", { name: saved.name }));
      void navigate({ to: "/sync/$pairId", params: { pairId: saved.id }, search: {} });
    },
  });
  const faults = pairFaults(fields);
  const part = { fields, names: placeNames(pair), faults: asked ? faults : new Set<never>(), change: (next: Partial<PairFields>) => setFields((before) => ({ ...before, ...next })) };
  return (
    <form
      noValidate
      className={styles.form}
      onSubmit={(event) => {
        event.preventDefault();
        setAsked(true);
        if (faults.size === 0) save.mutate(toPairSave(fields, pair));
      }}
    >
      <Section heading={t("pair.way")}>
        <WayPart {...part} />
      </Section>
      <Section heading={t("pair.left_out")} note={t("pair.left_out_lead")}>
        <LeftOutPart {...part} />
        <SharedRules pair={pair} />
      </Section>
      <Section heading={t("pair.when")} note={t("pair.when_lead")}>
        <WhenPart {...part} />
      </Section>
      <Section heading={t("pair.safety")} note={t("pair.safety_lead")}>
        <SafetyPart {...part} />
      </Section>
      {asked && faults.size > 0 && <p role="alert">{t("pair.look_above")}</p>}
      {save.error && <Trouble error={save.error.details} />}
      <div className={styles.buttons}>
        <Button type="submit" kind="primary" busy={save.isPending}>
          {t("common.save")}
        </Button>
        <Button kind="quiet" onClick={() => window.history.back()}>
          {t("common.cancel")}
        </Button>
      </div>
    </form>
  );
}

export function PairEditor() {
  const { pairId } = useParams({ from: "/sync/$pairId/edit" });
  const pair = useAsk("sync.pair", { pairId });
  return (
    <Page
      narrow
      heading={t("pair.edit", { name: pair.data?.name ?? "" })}
      crumbs={[
        { text: t("sync.heading"), link: { to: "/sync" } },
        ...(pair.data ? [{ text: pair.data.name, link: { to: "/sync/$pairId" as const, params: { pairId }, search: {} } }] : []),
      ]}
    >
      {pair.error ? <Trouble error={pair.error.details} /> : pair.data ? <Editor pair={pair.data} /> : <Loading />}
    </Page>
  );
}
