/** Every run, newest first. */
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Activity } from "lucide-react";

import type { JobKind } from "../../api";
import { Button } from "../../components/Button";
import { Select } from "../../components/Form";
import { Empty, Page } from "../../components/Page";
import { t } from "../../text/text";
import styles from "./Activity.module.css";
import { STATE_GROUPS, withChoice, type StateGroup } from "./filters";
import { RunsTable } from "./RunsTable";

export function ActivityPage() {
  const search = useSearch({ from: "/activity" });
  const navigate = useNavigate();
  const filtered = search.kind !== undefined || search.state !== undefined;
  const filter = {
    ...(search.kind === undefined ? {} : { kinds: [search.kind] }),
    ...(search.state === undefined ? {} : { states: STATE_GROUPS[search.state] }),
  };
  return (
    <Page
      fixed
      heading={t("activity.heading")}
      lead={t("activity.lead")}
      actions={
        <>
          <div className={styles.filter}>
            <Select<JobKind | "any">
              label={t("activity.kind")}
              value={search.kind ?? "any"}
              onValue={(kind) => void navigate({ to: "/activity", search: withChoice(search, { kind: kind === "any" ? undefined : kind }) })}
              choices={[
                { value: "any", text: t("activity.any_kind") },
                { value: "backup", text: t("kind.backup") },
                { value: "restore", text: t("kind.restore") },
                { value: "check", text: t("kind.check") },
                { value: "sync", text: t("kind.sync") },
                { value: "replicate", text: t("kind.replicate") },
              ]}
            />
          </div>
          <div className={styles.filter}>
            <Select<StateGroup | "any">
              label={t("activity.state")}
              value={search.state ?? "any"}
              onValue={(state) => void navigate({ to: "/activity", search: withChoice(search, { state: state === "any" ? undefined : state }) })}
              choices={[
                { value: "any", text: t("activity.any_state") },
                { value: "active", text: t("activity.state_active") },
                { value: "good", text: t("activity.state_good") },
                { value: "problems", text: t("activity.state_problems") },
                { value: "failed", text: t("activity.state_failed") },
                { value: "stopped", text: t("activity.state_stopped") },
              ]}
            />
          </div>
        </>
      }
    >
      <RunsTable
        filter={filter}
        empty={
          filtered ? (
            <Empty icon={Activity} heading={t("activity.no_match")} actions={<Button onClick={() => void navigate({ to: "/activity", search: {} })}>{t("activity.show_all")}</Button>}>
              {t("activity.no_match_text")}
            </Empty>
          ) : undefined
        }
      />
    </Page>
  );
}
