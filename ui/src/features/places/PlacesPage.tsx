/** Where copies live, and whether they are well. */
import { Link } from "@tanstack/react-router";
import { HardDrive, Plus } from "lucide-react";

import type { Place } from "../../api";
import { LinkButton } from "../../components/Button";
import { Empty, Loading, Page } from "../../components/Page";
import { Status } from "../../components/Status";
import { Trouble } from "../../components/Trouble";
import { Moment, PathText, Size } from "../../components/Values";
import { useAsk } from "../../lib/queries";
import { PLACE } from "../../lib/words";
import { t } from "../../text/text";
import { PlaceActions } from "./PlaceActions";
import styles from "./Places.module.css";
import { Space } from "./Space";

function PlaceRow({ place, looking }: { place: Place; looking: boolean }) {
  const health = place.health;
  return (
    <li className={styles.place}>
      <div className={styles.main}>
        <h2 className={styles.name}>
          <Link to="/places/$placeId" params={{ placeId: place.id }} search={{}}>
            {place.label}
          </Link>
        </h2>
        <PathText path={place.path.display} copyable />
        {health ? (
          <p className={styles.state}>
            <Status tone={PLACE[health.status].tone} word={t(PLACE[health.status].text)} />
            <span className={styles.quiet}>{health.sentence}</span>
          </p>
        ) : (
          looking && <p className={styles.quiet}>{t("place.looking")}</p>
        )}
      </div>
      <div className={styles.column}>{health && <Space free={health.freeBytes} total={health.totalBytes} stored={health.storedBytes} />}</div>
      <div className={styles.column}>
        {health?.snapshots !== undefined && health.snapshots !== null && <span>{t("count.snapshots", { count: health.snapshots })}</span>}
        {health?.latestSnapshotMs !== undefined && health.latestSnapshotMs !== null && (
          <span className={styles.quiet}>
            {t("place.newest")} <Moment at={health.latestSnapshotMs} />
          </span>
        )}
        {health?.storedBytes !== undefined && health.storedBytes !== null && (
          <span className={styles.quiet}>
            {t("place.stored")} <Size bytes={health.storedBytes} />
          </span>
        )}
      </div>
      <PlaceActions place={place} />
    </li>
  );
}

export function PlacesPage() {
  const quick = useAsk("place.list", { health: false });
  const deep = useAsk("place.list", { health: true });
  const places = deep.data?.places ?? quick.data?.places;
  const error = quick.error ?? deep.error;
  return (
    <Page
      heading={t("places.heading")}
      lead={t("places.lead")}
      actions={
        places && places.length > 0 ? (
          <LinkButton to="/places/add" kind="primary" icon={Plus}>
            {t("places.add")}
          </LinkButton>
        ) : undefined
      }
    >
      {error && <Trouble error={error.details} onRetry={() => void deep.refetch()} />}
      {!places && !error && <Loading />}
      {places?.length === 0 && (
        <Empty
          icon={HardDrive}
          heading={t("places.empty")}
          actions={
            <LinkButton to="/places/add" kind="primary" icon={Plus}>
              {t("places.add")}
            </LinkButton>
          }
        >
          {t("places.empty_text")}
        </Empty>
      )}
      {places && places.length > 0 && (
        <ul aria-label={t("places.list")} className={styles.places}>
          {places.map((place) => (
            <PlaceRow key={place.id} place={place} looking={deep.isFetching} />
          ))}
        </ul>
      )}
    </Page>
  );
}
