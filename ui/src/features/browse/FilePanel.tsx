/** One file: what it looks like in the snapshot shown, and every version of it. */
import { X } from "lucide-react";

import type { EntryRow, FileVersion, SnapshotRow } from "../../api";
import { Button, IconButton } from "../../components/Button";
import { Loading } from "../../components/Page";
import { Trouble } from "../../components/Trouble";
import { PathText, Size } from "../../components/Values";
import { formatExact, formatMoment } from "../../lib/format";
import { baseName } from "../../lib/path";
import { useAskPlace } from "../../lib/queries";
import { modeText } from "../../lib/mode";
import { TYPE } from "../../lib/words";
import { t } from "../../text/text";
import styles from "./FilePanel.module.css";
import { PreviewContent } from "./PreviewContent";
import type { Chosen } from "./selection";

interface FilePanelProps {
  placeId: string;
  snapshots: SnapshotRow[];
  snapshotId: string;
  path: string;
  entry: EntryRow | undefined;
  onClose: () => void;
  onShow: (snapshotId: string) => void;
  onBringBack: (snapshotId: string, item: Chosen) => void;
}

function Preview({ placeId, snapshotId, path, name }: { placeId: string; snapshotId: string; path: string; name: string }) {
  const preview = useAskPlace("file.preview", placeId, { snapshotId, path });
  if (preview.error) return <Trouble error={preview.error.details} placeId={placeId} onRetry={() => void preview.refetch()} />;
  if (!preview.data) return <Loading />;
  return <PreviewContent preview={preview.data} name={name} />;
}

interface VersionProps {
  version: FileVersion;
  shown: boolean;
  newest: boolean;
  onShow: () => void;
  onBringBack: () => void;
}

function Version({ version, shown, newest, onShow, onBringBack }: VersionProps) {
  const when = formatMoment(version.modifiedMs);
  return (
    <li className={styles.version} data-shown={shown || undefined}>
      <div className={styles.versionText}>
        <span className={styles.when} title={formatExact(version.modifiedMs)}>
          {when}
        </span>
        <span className={styles.quiet}>
          {version.sizeBytes !== null && <Size bytes={version.sizeBytes} />} {newest ? t("file.version_now") : t("file.version_in", { count: version.snapshotIds.length })}
          {shown && `, ${t("file.version_shown")}`}
        </span>
        {!version.changed && <span className={styles.quiet}>{t("file.same_content")}</span>}
      </div>
      <div className={styles.versionActions}>
        {!shown && (
          <Button kind="quiet" onClick={onShow}>
            {t("file.show")}
            <span className="only-spoken">{t("file.version_from", { when })}</span>
          </Button>
        )}
        <Button onClick={onBringBack}>
          {t("browse.bring_back")}
          <span className="only-spoken">{t("file.version_from", { when })}</span>
        </Button>
      </div>
    </li>
  );
}

function Versions({ placeId, path, snapshots, snapshotId, onShow, onBringBack }: Omit<FilePanelProps, "entry" | "onClose">) {
  const versions = useAskPlace("file.versions", placeId, { path });
  if (versions.error) return <Trouble error={versions.error.details} placeId={placeId} onRetry={() => void versions.refetch()} />;
  if (!versions.data) return <Loading />;
  const { path: whole, missingIn } = versions.data;
  const known = new Set(snapshots.map((row) => row.id));
  const newest = snapshots[0]?.id;
  return (
    <>
      {missingIn.length > 0 && <p className={styles.gone}>{t("file.deleted", { count: missingIn.length })}</p>}
      <ol>
        {versions.data.versions.map((version) => {
          const holder = version.snapshotIds.find((id) => known.has(id)) ?? version.snapshotIds[0];
          if (holder === undefined) return null;
          return (
            <Version
              key={holder}
              version={version}
              shown={version.snapshotIds.includes(snapshotId)}
              newest={newest !== undefined && version.snapshotIds.includes(newest)}
              onShow={() => onShow(holder)}
              onBringBack={() => onBringBack(holder, { path: whole, entryType: version.entryType })}
            />
          );
        })}
      </ol>
    </>
  );
}

export function FilePanel(props: FilePanelProps) {
  const { placeId, snapshotId, path, entry, onClose } = props;
  const name = entry?.name ?? baseName(path);
  return (
    <aside aria-label={t("file.panel")} className={styles.panel}>
      <div className={styles.head}>
        <h2 className={styles.name}>{name}</h2>
        <IconButton icon={X} label={t("common.close")} small onClick={onClose} />
      </div>
      {entry && (
        <div className={styles.facts}>
          <PathText path={entry.path.display} copyable />
          <p className={styles.line}>
            <span>{t(TYPE[entry.entryType])}</span>
            {entry.sizeBytes !== null && <Size bytes={entry.sizeBytes} />}
            {entry.linkTarget !== null && <span>{t("browse.link_to", { target: entry.linkTarget })}</span>}
            <code title={t("file.rights")}>{modeText(entry.mode)}</code>
          </p>
        </div>
      )}
      {entry?.entryType === "file" && <Preview placeId={placeId} snapshotId={snapshotId} path={path} name={name} />}
      <h3>{t("file.versions")}</h3>
      <Versions {...props} />
    </aside>
  );
}
