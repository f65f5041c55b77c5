/** The picture in front of a name. */
import type { LucideIcon } from "lucide-react";
import { File, FileQuestionMark, Folder, Link2 } from "lucide-react";

import type { EntryType } from "../../api";
import styles from "./Browse.module.css";

const ICON: Record<EntryType, LucideIcon> = { file: File, folder: Folder, symlink: Link2, other: FileQuestionMark };

export function EntryIcon({ type }: { type: EntryType }) {
  const Icon = ICON[type];
  return <Icon aria-hidden="true" className={type === "folder" ? styles.folderIcon : styles.fileIcon} />;
}
