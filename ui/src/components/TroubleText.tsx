/** The sentences of an error, without a frame: what it means for the data, what to do next, what it is about. */
import type { ApiError } from "../api";
import { t } from "../text/text";
import { PathText } from "./Values";

export function TroubleText({ error }: { error: ApiError }) {
  return (
    <>
      <p>{t(`trouble.means.${error.code}`)}</p>
      {error.hint !== null && <p>{t("trouble.next", { hint: error.hint })}</p>}
      {error.path !== null && !error.message.includes(error.path) && (
        <p>
          <PathText path={error.path} copyable />
        </p>
      )}
    </>
  );
}
