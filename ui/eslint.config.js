/** Lints of the interface: strict types, the rules of React and its compiler, and the fences of the architecture. */
import js from "@eslint/js";
import reactHooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

import noTextOutsideCatalogue from "./eslint/no-text-outside-catalogue.js";

const onlyApiKnowsTheShell = {
  patterns: [{ group: ["@tauri-apps/*"], message: "Only ui/src/api knows which host carries the window." }],
};

export default tseslint.config(
  { ignores: ["**/dist/**", "**/node_modules/**", "**/src/api/generated/**"] },
  js.configs.recommended,
  {
    files: ["**/*.ts", "**/*.tsx"],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: { attributes: false } }],
      "@typescript-eslint/consistent-type-definitions": "off",
      "@typescript-eslint/only-throw-error": "off",
      "no-restricted-imports": ["error", onlyApiKnowsTheShell],
    },
  },
  {
    files: ["**/*.tsx"],
    plugins: { ...reactHooks.configs.flat["recommended-latest"].plugins, keepwell: { rules: { "no-text-outside-catalogue": noTextOutsideCatalogue } } },
    rules: {
      ...reactHooks.configs.flat["recommended-latest"].rules,
      "keepwell/no-text-outside-catalogue": "error",
    },
  },
  { files: ["**/src/api/**"], rules: { "no-restricted-imports": "off" } },
  { files: ["**/*.test.ts", "**/*.test.tsx"], rules: { "keepwell/no-text-outside-catalogue": "off" } },
);
