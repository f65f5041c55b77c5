/**
 * Every text a person reads lives in `src/text`: this rule refuses it anywhere else.
 *
 * It looks at what JSX shows (text, and strings or templates as children) and at the attributes that are read
 * aloud or shown. Strings without a letter (separators, arrows, numbers) are fine.
 */
const SHOWN_ATTRIBUTES = new Set([
  "alt", "aria-label", "aria-description", "aria-roledescription", "aria-valuetext", "placeholder", "title",
  "label", "description", "hint", "heading",
]);
const LETTER = /\p{L}/u;

/** The text of a literal or of the fixed parts of a template, or nothing where the node is neither. */
function textOf(node) {
  if (node.type === "Literal") return typeof node.value === "string" ? node.value : "";
  if (node.type === "TemplateLiteral") return node.quasis.map((part) => part.value.cooked ?? "").join(" ");
  return "";
}

/** The nodes an expression may show: both arms of conditions, the right side of `&&` and `??`. */
function shownNodes(node) {
  if (node.type === "ConditionalExpression") return [...shownNodes(node.consequent), ...shownNodes(node.alternate)];
  if (node.type === "LogicalExpression") return [...shownNodes(node.left), ...shownNodes(node.right)];
  return [node];
}

/** @type {import("eslint").Rule.RuleModule} */
export default {
  meta: {
    type: "problem",
    docs: { description: "Text shown to people belongs in the catalogue." },
    messages: { text: "\"{{text}}\" is shown to people: put it into src/text and use t()." },
    schema: [],
  },
  create(context) {
    const check = (node) => {
      const text = node.type === "JSXText" ? node.value : textOf(node);
      if (LETTER.test(text)) context.report({ node, messageId: "text", data: { text: text.trim().slice(0, 40) } });
    };
    return {
      JSXText: check,
      JSXAttribute(node) {
        if (node.name.type !== "JSXIdentifier" || !SHOWN_ATTRIBUTES.has(node.name.name) || !node.value) return;
        const value = node.value.type === "JSXExpressionContainer" ? node.value.expression : node.value;
        shownNodes(value).forEach(check);
      },
      JSXExpressionContainer(node) {
        if (node.parent.type === "JSXAttribute") return;
        shownNodes(node.expression).forEach(check);
      },
    };
  },
};
