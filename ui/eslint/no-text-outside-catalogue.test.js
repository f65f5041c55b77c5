import { RuleTester } from "eslint";
import { describe, it } from "vitest";

import rule from "./no-text-outside-catalogue.js";

RuleTester.describe = describe;
RuleTester.it = it;

const tester = new RuleTester({
  languageOptions: { parserOptions: { ecmaFeatures: { jsx: true } } },
});

tester.run("no-text-outside-catalogue", rule, {
  valid: [
    "const a = <p>{t('backup.title')}</p>;",
    "const a = <p className='quiet'>·</p>;",
    "const a = <span aria-hidden='true'>{' / '}</span>;",
    "const a = <input placeholder={t('search.placeholder')} type='text' />;",
  ],
  invalid: [
    { code: "const a = <p>Backup</p>;", errors: 1 },
    { code: "const a = <p>{'Backup'}</p>;", errors: 1 },
    { code: "const a = <p>{done ? 'Done' : t('running')}</p>;", errors: 1 },
    { code: "const a = <p>{`${count} files`}</p>;", errors: 1 },
    { code: "const a = <input placeholder='Search' />;", errors: 1 },
    { code: "const a = <button aria-label={busy && 'Stop'} />;", errors: 1 },
  ],
});
