/** The files of one snapshot, folder by folder, with the panel of the one in question beside them. */
import { ChevronRight } from "lucide-react";
import { useDeferredValue, useState } from "react";

import { call, type EntryPage, type EntryRow, type PathText as PathValue } from "../../api";
import { Button } from "../../components/Button";
import { DataGrid } from "../../components/DataGrid";
import { SearchInput } from "../../components/Form";
import { Loading } from "../../components/Page";
import { Trouble } from "../../components/Trouble";
import { Moment, Size } from "../../components/Values";
import { baseName } from "../../lib/path";
import { repositoryOf, usePages } from "../../lib/queries";
import { TYPE } from "../../lib/words";
import { t } from "../../text/text";
import styles from "./Browse.module.css";
import { EntryIcon } from "./EntryIcon";
import { FilePanel } from "./FilePanel";
import { startFolder, TOP } from "./search";
import { choose, isChosen, isPartly, NOTHING, unchoose, type Chosen, type Selection } from "./selection";
import type { BrowseTabProps } from "./shared";

interface FilesTabProps extends BrowseTabProps {
  selection: Selection;
  onSelection: (selection: Selection) => void;
  onBringBack: (items: Chosen[]) => void;
  onBringBackFrom: (snapshotId: string, item: Chosen) => void;
}

function Crumbs({ page, onOpen }: { page: EntryPage; onOpen: (path: string) => void }) {
  // The engine may name the top as the first of the parents; here it has a name of its own.
  const steps: PathValue[] = page.parents.filter((step) => step.path !== "");
  const here = page.path.path === "" ? undefined : page.path;
  return (
    <nav aria-label={t("browse.crumbs")} className={styles.crumbs}>
      {here ? <Button kind="quiet" onClick={() => onOpen("")}>{t("browse.top")}</Button> : <span className={styles.here}>{t("browse.top")}</span>}
      {steps.map((step) => (
        <span key={step.path} className={styles.crumb}>
          <ChevronRight aria-hidden="true" />
          <Button kind="quiet" onClick={() => onOpen(step.path)} title={step.display}>
            {baseName(step.display)}
          </Button>
        </span>
      ))}
      {here && (
        <span className={styles.crumb}>
          <ChevronRight aria-hidden="true" />
          <span aria-current="location" className={styles.here} title={here.display}>
            {baseName(here.display)}
          </span>
        </span>
      )}
    </nav>
  );
}

function toChosen(row: EntryRow): Chosen {
  return { path: row.path, entryType: row.entryType };
}

export function FilesTab({ placeId, search, change, snapshots, current, selection, onSelection, onBringBack, onBringBackFrom }: FilesTabProps) {
  const [filter, setFilter] = useState("");
  const nameFilter = useDeferredValue(filter.trim());
  const path = search.path === TOP ? "" : (search.path ?? startFolder(current.roots.map((root) => root.path)));
  const pages = usePages(
    ["snapshot.files", placeId, current.id, path, nameFilter],
    (offset, limit, signal) =>
      call("snapshot.files", { repository: repositoryOf(placeId), snapshotId: current.id, ...(path === "" ? {} : { path }), offset, limit, ...(nameFilter === "" ? {} : { nameFilter }) }, signal),
    (page) => ({ rows: page.entries, total: page.total }),
    { keep: true },
  );
  const openFolder = (folder: string) => {
    setFilter("");
    change({ path: folder === "" ? TOP : folder, file: undefined });
  };
  if (pages.error) {
    // The folder may not be in this snapshot: the top always is.
    const top = pages.error.details.code === "notFound" && path !== "" ? () => openFolder("") : pages.again;
    return <Trouble error={pages.error.details} placeId={placeId} onRetry={top} />;
  }
  if (!pages.first) return <Loading />;
  const items = [...selection.values()];
  const opened = search.file === undefined ? undefined : pages.rows.find((row) => row.path.path === search.file);
  return (
    <>
      <div className={styles.toolbar}>
        <Crumbs page={pages.first} onOpen={openFolder} />
        <span className={styles.filter}>
          <SearchInput value={filter} onValue={setFilter} label={t("browse.filter")} />
        </span>
        {items.length > 0 && (
          <span className={styles.chosenLine}>
            <Button kind="quiet" onClick={() => onSelection(NOTHING)}>
              {t("browse.choose_none")}
            </Button>
            <Button kind="primary" onClick={() => onBringBack(items)}>
              {t("browse.bring_back_count", { count: items.length })}
            </Button>
          </span>
        )}
      </div>
      <div className={styles.split}>
        <DataGrid
          label={t("browse.listing")}
          columns={[
            {
              id: "name",
              heading: t("common.name"),
              width: "minmax(0, 1fr)",
              cell: (row) => (
                <>
                  <EntryIcon type={row.entryType} />
                  <span className={styles.name} title={row.linkTarget === null ? row.name : t("browse.link_to", { target: row.linkTarget })}>
                    {row.name}
                  </span>
                  <span className="only-spoken">{t(TYPE[row.entryType])}</span>
                </>
              ),
            },
            { id: "size", heading: t("common.size"), width: "96px", end: true, cell: (row) => (row.sizeBytes === null ? "" : <Size bytes={row.sizeBytes} />) },
            { id: "modified", heading: t("browse.modified"), width: "132px", cell: (row) => <Moment at={row.modifiedMs} /> },
          ]}
          rows={pages.rows}
          total={pages.total}
          rowKey={(row) => row.path.path}
          currentKey={search.file}
          onMore={pages.more}
          onOpen={(row) => (row.entryType === "folder" ? openFolder(row.path.path) : change({ file: row.path.path }))}
          choosing={{
            isChosen: (row) => isChosen(selection, row.path.path),
            isPartly: (row) => row.entryType === "folder" && isPartly(selection, row.path.path),
            onChoose: (row, chosen) =>
              onSelection(chosen ? choose(selection, toChosen(row)) : unchoose(selection, toChosen(row), pages.rows.map(toChosen), path)),
            label: (row) => t("browse.choose", { name: row.name }),
          }}
          empty={
            <p className={styles.nothing}>
              {nameFilter === "" ? t("browse.empty_folder_text") : t("browse.no_match", { text: nameFilter })}
            </p>
          }
        />
        {search.file !== undefined && (
          <FilePanel
            key={search.file}
            placeId={placeId}
            snapshots={snapshots}
            snapshotId={current.id}
            path={search.file}
            entry={opened}
            onClose={() => change({ file: undefined })}
            onShow={(snapshotId) => change({ snapshot: snapshotId })}
            onBringBack={onBringBackFrom}
          />
        )}
      </div>
    </>
  );
}
