"use strict";
// The ranking rule of screening/ranking.py over the parts of each score; no page is needed to test it.
// Weights are scaled to a sum of 1; a part that is undefined leaves no score; equal scores share a rank.
// An entry has one pair of parts for each training that it is the mean of.
globalThis.emoloomRank = (entries, weights) => {
  const total = weights.labels + weights.vad;
  const [labels, vad] = [weights.labels / total, weights.vad / total];
  const each = (part) => {
    if ((labels > 0 && part.labels === null) || (vad > 0 && part.skill === null)) return null;
    return labels * (part.labels ?? 0) + vad * Math.max(part.skill ?? 0, 0);
  };
  const score = (entry) => {
    const scores = entry.parts.map(each);
    if (!scores.length || scores.includes(null)) return null;
    return scores.reduce((sum, one) => sum + one, 0) / scores.length;
  };
  // As standing.TIE_DECIMALS: sums may differ in their last bits.
  const rounded = (value) => (value === null ? null : Number(value.toFixed(12)));
  const scored = entries.map((entry) => ({ ...entry, score: rounded(score(entry)) }));
  const ranked = scored.filter((entry) => entry.kind === "candidate" && entry.score !== null);
  const better = (entry) => ranked.filter((other) => other.score > entry.score).length;
  return scored.map((entry) => ({ ...entry, rank: ranked.includes(entry) ? 1 + better(entry) : null }));
};
