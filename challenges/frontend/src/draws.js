/** Whether each draw of experts used the seed committed to beforehand (challenges/sealing/draws_check.py). */
import { digestHex } from "./suites.js";

const COMMITMENTS = {
  experts_drawn: "draw_committed",
  supplementary_experts_drawn: "supplementary_draw_committed",
};
const KINDS = [...Object.keys(COMMITMENTS), ...Object.values(COMMITMENTS)];

export function checkDraws({ ofKind }, anchors, report) {
  const committed = new Map();
  for (const { entry, body } of ofKind(...KINDS)) {
    const about = `${body.panel ?? ""} ${body.number ?? 0}`;
    const commitment = COMMITMENTS[entry.kind];
    if (!commitment) {
      const key = `${entry.kind} ${about}`;
      if (!committed.has(key)) committed.set(key, String(body.commitment ?? ""));
      continue;
    }
    const seed = digestHex(new TextEncoder().encode(String(body.seed ?? "")));
    const right = seed === committed.get(`${commitment} ${about}`);
    report.add("draw", `#${entry.sequence}`, right, "抽取专家所用的种子与事先的承诺一致。", "抽取专家的种子与事先的承诺不一致。");
  }
}
