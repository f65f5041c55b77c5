/**
 * Changes how all pairs of a hub work, in one step.
 *
 * Invariant: what a person does not change stays as each pair has it; where the pairs differ that is said first, with a
 * switch that makes them alike.
 */
import { useNavigate, useParams } from "@tanstack/react-router";
import { Network } from "lucide-react";
import { useState } from "react";

import { Button } from "../../components/Button";
import { Switch } from "../../components/Form";
import { tellDone } from "../../components/news";
import { Empty, Loading, Notice, Page, Section } from "../../components/Page";
import { Trouble } from "../../components/Trouble";
import { formatList } from "../../lib/format";
import { useAct, useAsk } from "../../lib/queries";
import { t } from "../../text/text";
import { differingParts, isHub, listed, toHubChange, type Hub } from "./hubState";
import { placeNames } from "./names";
import { LeftOutPart, SafetyPart, WayPart, WhenPart } from "./PairFields";
import styles from "./Sync.module.css";
import { fromPair, FRESH_PAIR, pairFaults, type PairFields } from "./wizardState";

function Editor({ hub }: { hub: Hub }) {
  const navigate = useNavigate();
  const [first] = hub.pairs;
  const [before] = useState<PairFields>(() => ({ ...(first ? fromPair(first) : FRESH_PAIR), name: hub.group.name }));
  const [fields, setFields] = useState(before);
  const [alike, setAlike] = useState(false);
  const [asked, setAsked] = useState(false);
  const save = useAct("sync.hubChange", {
    renews: ["sync", "scheduler"],
    onDone: ({ pairs }) => {
      tellDone(t("hub.changed", { name: pairs[0]?.group?.name ?? hub.group.name, count: pairs.length }));
      void navigate({ to: "/sync" });
    },
  });
  const differing = differingParts(hub.pairs);
  const faults = pairFaults(fields);
  const names = first ? placeNames(first) : { left: t("hub.the_hub"), right: t("hub.the_other") };
  const part = {
    fields: { ...fields, mode: "twoWay" as const },
    names: { left: names.left, right: t("hub.the_other") },
    faults: asked ? faults : new Set<never>(),
    change: (next: Partial<PairFields>) => setFields((now) => ({ ...now, ...next })),
  };
  return (
    <form
      noValidate
      className={styles.form}
      onSubmit={(event) => {
        event.preventDefault();
        setAsked(true);
        if (faults.size === 0) save.mutate(toHubChange(hub, before, fields, alike));
      }}
    >
      {differing.length > 0 && (
        <Notice tone="idle" heading={t("hub.differ")}>
          <p>
            {t("hub.differ_in", { parts: formatList(differing.map((which) => t(`hub.part.${which}`))) })} {t("hub.differ_text", { name: names.right })}
          </p>
          <Switch checked={alike} onChecked={setAlike} text={t("hub.alike")} note={t("hub.alike_note")} />
        </Notice>
      )}
      <Section heading={t("hub.conflicts")} note={t("hub.conflicts_lead")}>
        <WayPart bothWays {...part} />
      </Section>
      <Section heading={t("pair.left_out")} note={t("hub.left_out_lead")}>
        <LeftOutPart {...part} />
      </Section>
      <Section heading={t("pair.when")} note={t("hub.when_lead")}>
        <WhenPart {...part} />
      </Section>
      <Section heading={t("pair.safety")} note={t("pair.safety_lead")}>
        <SafetyPart {...part} />
      </Section>
      {asked && faults.size > 0 && <p role="alert">{t("pair.look_above")}</p>}
      {save.error && <Trouble error={save.error.details} />}
      <div className={styles.buttons}>
        <Button type="submit" kind="primary" busy={save.isPending}>
          {t("hub.change_do", { count: hub.pairs.length })}
        </Button>
        <Button kind="quiet" onClick={() => window.history.back()}>
          {t("common.cancel")}
        </Button>
      </div>
    </form>
  );
}

function Gone() {
  return (
    <Empty icon={Network} heading={t("hub.gone")}>
      {t("hub.gone_text")}
    </Empty>
  );
}

export function HubEditor() {
  const { groupId } = useParams({ from: "/sync/hub/$groupId" });
  const answer = useAsk("sync.pairs", {});
  const hub = listed(answer.data?.pairs ?? []).filter(isHub).find(({ group }) => group.id === groupId);
  return (
    <Page narrow heading={t("hub.change", { name: hub?.group.name ?? "" })} lead={t("hub.change_lead")} crumbs={[{ text: t("sync.heading"), link: { to: "/sync" } }]}>
      {answer.error ? <Trouble error={answer.error.details} onRetry={() => void answer.refetch()} /> : hub ? <Editor hub={hub} /> : answer.data ? <Gone /> : <Loading />}
    </Page>
  );
}
