/** A folder of this machine: typed, or chosen in the system's picker, or in one of our own where there is none. */
import { ArrowUp, Folder, FolderOpen } from "lucide-react";
import { useState } from "react";

import { chooseFolder, hasFolderPicker, pathFromText, type PathText as PathValue } from "../api";
import { formatBytes } from "../lib/format";
import { baseName } from "../lib/path";
import { useAsk } from "../lib/queries";
import { t } from "../text/text";
import { Button, IconButton } from "./Button";
import { DataGrid } from "./DataGrid";
import { Dialog } from "./Dialog";
import styles from "./FolderField.module.css";
import { Checkbox, TextInput } from "./Form";
import { tellFailed } from "./news";
import { Loading } from "./Page";
import { Trouble } from "./Trouble";
import { PathText } from "./Values";

interface PickerProps {
  open: boolean;
  from: string | undefined;
  onClose: () => void;
  onChosen: (folder: PathValue) => void;
}

/** Our own picker: one level of folders at a time. */
export function FolderPicker({ open, from, onClose, onChosen }: PickerProps) {
  return (
    <Dialog open={open} onClose={onClose} heading={t("folder.choose_title")} wide>
      <PickerBody from={from} onClose={onClose} onChosen={onChosen} />
    </Dialog>
  );
}

function PickerBody({ from, onClose, onChosen }: Omit<PickerProps, "open">) {
  const [at, setAt] = useState(from);
  const [hidden, setHidden] = useState(false);
  const listing = useAsk("folder.list", at === undefined || at === "" ? {} : { path: at }, { keep: true });
  if (listing.error) {
    // The folder asked for is not there: begin at the home folder instead.
    if (at !== undefined) queueMicrotask(() => setAt(undefined));
    else return <Trouble error={listing.error.details} onRetry={() => void listing.refetch()} />;
  }
  const data = listing.data;
  if (!data) return <Loading />;
  const parent = data.parent;
  const folders = data.folders.filter((folder) => hidden || !folder.hidden);
  return (
    <>
      <div className={styles.where}>
        <IconButton icon={ArrowUp} label={t("folder.up")} disabled={parent === null} onClick={() => parent && setAt(parent.path)} />
        <PathText path={data.path.display} strong />
        <span className={styles.free}>
          {!data.writable && t("folder.not_writable")}
          {data.freeBytes !== null && data.writable && t("folder.free", { size: formatBytes(data.freeBytes) })}
        </span>
      </div>
      <div className={styles.list}>
        <DataGrid
          label={t("folder.list")}
          columns={[
            {
              id: "name",
              heading: t("common.name"),
              width: "minmax(0, 1fr)",
              cell: (folder) => (
                <>
                  <Folder aria-hidden="true" className={styles.icon} />
                  {folder.name}
                </>
              ),
            },
          ]}
          rows={folders}
          total={folders.length}
          rowKey={(folder) => folder.path.path}
          onOpen={(folder) => setAt(folder.path.path)}
          empty={<p className={styles.none}>{t("folder.none")}</p>}
        />
      </div>
      {data.truncated && <p className={styles.free}>{t("folder.truncated")}</p>}
      <div className={styles.foot}>
        <Checkbox checked={hidden} onChecked={setHidden} text={t("folder.hidden")} />
        <Button
          kind="primary"
          onClick={() => {
            onChosen(data.path);
            onClose();
          }}
        >
          {t("folder.choose_this")}
        </Button>
      </div>
    </>
  );
}

/** Asks for a folder the best way there is; the element it returns belongs into the page. */
export function useFolderChooser(onChosen: (folder: PathValue) => void) {
  const [from, setFrom] = useState<string>();
  const [open, setOpen] = useState(false);
  const choose = (start?: string) => {
    if (!hasFolderPicker) {
      setFrom(start);
      setOpen(true);
      return;
    }
    chooseFolder(t("folder.choose_title"))
      .then((folder) => folder && onChosen(folder))
      .catch((failure: unknown) => tellFailed(failure instanceof Error ? failure.message : String(failure)));
  };
  const picker = open && <FolderPicker open from={from} onClose={() => setOpen(false)} onChosen={onChosen} />;
  return { choose, picker };
}

interface FolderFieldProps {
  value: PathValue;
  onValue: (folder: PathValue) => void;
  placeholder?: string;
}

/** To be put into a `Field`. */
export function FolderField({ value, onValue, placeholder }: FolderFieldProps) {
  const { choose, picker } = useFolderChooser(onValue);
  return (
    <div className={styles.line}>
      <TextInput
        mono
        value={value.display}
        placeholder={placeholder}
        title={value.display === "" ? undefined : baseName(value.display)}
        onValue={(text) => onValue({ path: pathFromText(text), display: text })}
      />
      <Button icon={FolderOpen} onClick={() => choose(value.path)}>
        {t("folder.browse")}
      </Button>
      {picker}
    </div>
  );
}
