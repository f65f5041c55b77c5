/** What can be shown of a file: the start of a text, a picture, or why neither. */
import type { FilePreview } from "../../api";
import { t } from "../../text/text";
import styles from "./FilePanel.module.css";

export function PreviewContent({ preview, name }: { preview: FilePreview; name: string }) {
  switch (preview.kind) {
    case "text":
      return (
        <>
          <pre tabIndex={0} aria-label={t("file.picture_of", { name })} className={styles.text}>
            {preview.text}
          </pre>
          {preview.truncated && <p className={styles.quiet}>{t("file.truncated")}</p>}
        </>
      );
    case "picture":
      return <img src={`data:${preview.mediaType ?? "image/png"};base64,${preview.base64 ?? ""}`} alt={t("file.picture_of", { name })} className={styles.picture} />;
    case "tooLarge":
      return <p className={styles.quiet}>{t("file.too_large")}</p>;
    case "empty":
      return <p className={styles.quiet}>{t("file.is_empty")}</p>;
    case "binary":
      return <p className={styles.quiet}>{t("file.no_preview")}</p>;
  }
}
