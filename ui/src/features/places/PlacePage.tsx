/** One place: its health, its snapshots, what opens it. */
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";

import type { Place } from "../../api";
import { Loading, Page, Section } from "../../components/Page";
import { Status } from "../../components/Status";
import { TabBar } from "../../components/TabBar";
import { Trouble } from "../../components/Trouble";
import { Facts, Moment, PathText, Size } from "../../components/Values";
import { formatDay, formatRelative } from "../../lib/format";
import { useNow } from "../../lib/now";
import { useAsk } from "../../lib/queries";
import { PLACE } from "../../lib/words";
import { t } from "../../text/text";
import { RunsTable } from "../activity/RunsTable";
import { SnapshotBrowser } from "../browse/SnapshotBrowser";
import { bringBackSearch } from "../restore/request";
import { Keys } from "./Keys";
import { PlaceActions } from "./PlaceActions";
import styles from "./Places.module.css";
import { Replicas } from "./Replicas";
import { Space } from "./Space";

function checkWords(place: Place, now: number): string {
  const check = place.health?.lastCheck;
  if (!check) return t("place.check_never");
  const when = formatRelative(check.finishedMs, now);
  return check.problems === 0 ? t("place.check_good", { when }) : t("place.check_bad", { when, problems: t("count.problems", { count: check.problems }) });
}

function About({ place }: { place: Place }) {
  const now = useNow();
  const health = place.health;
  return (
    <div tabIndex={0} role="group" aria-label={t("place.about")} className={styles.about}>
      {health?.error && <Trouble error={health.error} placeId={place.id} />}
      <Section heading={t("place.health")}>
        <Facts
          facts={[
            { name: t("place.path"), value: <PathText path={place.path.display} copyable /> },
            ...(health?.freeBytes !== undefined && health.freeBytes !== null ? [{ name: t("place.space"), value: <Space free={health.freeBytes} total={health.totalBytes} stored={health.storedBytes} /> }] : []),
            ...(health?.storedBytes !== undefined && health.storedBytes !== null ? [{ name: t("place.stored"), value: <Size bytes={health.storedBytes} /> }] : []),
            ...(health?.latestSnapshotMs !== undefined && health.latestSnapshotMs !== null ? [{ name: t("place.newest"), value: <Moment at={health.latestSnapshotMs} /> }] : []),
            { name: t("place.check"), value: checkWords(place, now) },
            { name: t("place.plans"), value: t("count.plans", { count: place.plans }) },
            { name: t("place.password"), value: place.passwordKept ? t("place.password_kept") : t("place.password_asked") },
            { name: t("place.added"), value: formatDay(place.createdMs) },
            { name: t("place.repository_id"), value: <code>{place.repositoryId}</code> },
          ]}
        />
      </Section>
      <Replicas place={place} />
      <Keys place={place} />
    </div>
  );
}

export function PlacePage() {
  const { placeId } = useParams({ from: "/places/$placeId" });
  const search = useSearch({ from: "/places/$placeId" });
  const navigate = useNavigate();
  const answer = useAsk("place.get", { placeId });
  const place = answer.data;
  const crumbs = [{ text: t("places.heading"), link: { to: "/places" as const } }];
  if (!place) {
    return (
      <Page heading={t("places.heading")} crumbs={crumbs}>
        {answer.error ? <Trouble error={answer.error.details} onRetry={() => void answer.refetch()} /> : <Loading />}
      </Page>
    );
  }
  const view = search.view ?? "snapshots";
  return (
    <Page
      fixed
      heading={place.label}
      crumbs={crumbs}
      lead={
        place.health && (
          <span className={styles.lead}>
            <Status tone={PLACE[place.health.status].tone} word={t(PLACE[place.health.status].text)} />
            <span>{place.health.sentence}</span>
          </span>
        )
      }
      actions={<PlaceActions place={place} />}
    >
      <TabBar
        label={t("place.views")}
        value={view}
        onValue={(next) => void navigate({ to: "/places/$placeId", params: { placeId }, search: next === "snapshots" ? {} : { view: next } })}
        tabs={[
          {
            value: "snapshots",
            text: t("place.view_snapshots"),
            content: (
              <SnapshotBrowser
                placeId={placeId}
                search={search}
                onSearch={(next) => void navigate({ to: "/places/$placeId", params: { placeId }, search: next, replace: next.q !== search.q })}
                onBringBack={(what) => void navigate({ to: "/backup/bring-back", ...bringBackSearch(placeId, undefined, what) })}
              />
            ),
          },
          { value: "about", text: t("place.view_about"), content: <About place={place} /> },
          { value: "runs", text: t("browse.runs"), content: <RunsTable filter={{ placeId }} /> },
        ]}
      />
    </Page>
  );
}
