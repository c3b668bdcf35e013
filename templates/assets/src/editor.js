// The YAML editor: CodeMirror over the textarea of a form. The textarea keeps
// the text, so the form is sent as if there were no editor. Faults come from
// the server as a list (data-line, data-column), and are shown at their lines.
// The editor lives in a shadow root, where its styles are adopted style sheets,
// which the pages' Content-Security-Policy allows.
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, foldGutter, foldKeymap, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--code-key)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom, tags.keyword], color: "var(--code-atom)" },
  { tag: tags.comment, color: "var(--code-comment)", fontStyle: "italic" },
  { tag: [tags.separator, tags.punctuation, tags.meta], color: "var(--muted)" },
]);

const look = EditorView.theme({
  "&": { backgroundColor: "var(--field)", color: "var(--text)", fontSize: "13px", height: "100%" },
  "&.cm-focused": { outline: "2px solid var(--focus)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55", overflow: "auto" },
  ".cm-gutters": { backgroundColor: "var(--inset)", color: "var(--muted)", border: "none", borderRight: "1px solid var(--line)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--hover)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-selectionBackground, &.cm-focused .cm-selectionBackground": { backgroundColor: "var(--selected) !important" },
  ".cm-tooltip": { backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--line)", borderRadius: "6px" },
  ".cm-diagnostic-error": { borderLeft: "3px solid var(--bad)" },
});

function extensions(area) {
  return [
    lineNumbers(), lintGutter(), foldGutter(), history(), drawSelection(), indentOnInput(), bracketMatching(),
    highlightActiveLine(), highlightActiveLineGutter(), indentUnit.of("  "), yaml(), syntaxHighlighting(colours), look,
    keymap.of([...defaultKeymap, ...historyKeymap, ...foldKeymap, indentWithTab]),
    EditorState.readOnly.of(area.readOnly),
    EditorView.contentAttributes.of({ tabindex: "0", "aria-label": area.getAttribute("aria-label") || "Pipeline text" }),
    EditorView.updateListener.of((update) => {
      if (!update.docChanged) return;
      area.value = update.state.doc.toString();
      area.dispatchEvent(new Event("input", { bubbles: true }));
    }),
  ];
}

// faults turns the server's list into marks; a line or column that the text no
// longer has moves to the end.
function faults(doc, list) {
  const marks = [...list.querySelectorAll("[data-line]")].filter((el) => Number(el.dataset.line) > 0).map((el) => {
    const line = doc.line(Math.min(Math.max(Number(el.dataset.line), 1), doc.lines));
    const from = Math.min(line.from + Math.max(Number(el.dataset.column) - 1, 0), line.to);
    return { from, to: Math.max(line.to, from), severity: "error", message: el.dataset.message };
  });
  return marks.sort((a, b) => a.from - b.from);
}

function start(area) {
  const host = document.createElement("div");
  host.className = "editor";
  area.hidden = true;
  area.after(host);
  const root = host.attachShadow({ mode: "open" });
  const view = new EditorView({ parent: root, root, state: EditorState.create({ doc: area.value, extensions: extensions(area) }) });
  const show = () => {
    const list = document.getElementById(area.dataset.editor);
    if (list) view.dispatch(setDiagnostics(view.state, faults(view.state.doc, list)));
  };
  show();
  document.addEventListener("htmx:after:settle", show);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-goto-line]");
    if (!link) return;
    event.preventDefault();
    const line = view.state.doc.line(Math.min(Number(link.dataset.gotoLine), view.state.doc.lines));
    view.dispatch({ selection: { anchor: line.from }, scrollIntoView: true });
    view.focus();
  });
}

export function startEditors() {
  for (const area of document.querySelectorAll("textarea[data-editor]:not([data-started])")) {
    area.dataset.started = "";
    start(area);
  }
}
