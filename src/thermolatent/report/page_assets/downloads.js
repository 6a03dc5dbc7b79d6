// Files that the page makes of its own numbers.

function save(name, text) {
  const link = element("a", { href: URL.createObjectURL(new Blob([text])), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// The answer at every temperature of the slider, a row per state.
function predictionsAsCsv() {
  const quoted = (text) => `"${String(text).replaceAll('"', '""')}"`;
  const rows = data.stops.flatMap((stop, k) =>
    data.states.map((state, s) => {
      const { y, low, high } = answerOf(state);
      const [verdict, reason, remedy] = data.answer.at[k][s].map((word) => data.answer.words[word]);
      const numbers = [y[k], low[k], high[k]].map((v) => v ?? "");
      return [stop.label, state, ...numbers, verdict, quoted([reason, remedy].filter(Boolean).join("; "))].join(",");
    }),
  );
  return ["temperature,state,population,low,high,verdict,why", ...rows].join("\n") + "\n";
}

// The structures of all states at a temperature that the study asks for, as PDB.
async function medoidsAsPdb(label) {
  const { values } = await unpack(data.pdb[label]);
  return new TextDecoder().decode(values);
}
