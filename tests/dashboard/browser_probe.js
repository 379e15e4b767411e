// Looks at one page of the dashboard and returns what a test holds against the records and rules.
() => {
  const NUMBER = /^[+\u2212-]?\$?\d[\d,]*(\.\d+)?(e[+-]?\d+)?\s?(%|tn|bn|m|k|[kMG]?B|s|persons|households|returns|recipients|years?|GB)?$/;
  const areas = [...document.querySelectorAll(".mpg")];
  const inAreas = (selector) => areas.flatMap((area) => [...area.querySelectorAll(selector)]);
  const brief = (element) => element.outerHTML.slice(0, 160);
  const text = (element) => element.textContent.trim();

  const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (css) => {
    pixel.clearRect(0, 0, 1, 1);
    pixel.fillStyle = css;
    pixel.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pixel.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => top.slice(0, 3).map((c, i) => c * top[3] + below[i] * (1 - top[3]));
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const canvas = dark && getComputedStyle(document.documentElement).colorScheme.includes("dark") ? [18, 18, 18] : [255, 255, 255];
    return layers.reverse().reduce((below, layer) => over(layer, below), canvas);
  };
  const luminance = (color) =>
    color.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
      .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (element) => {
    const below = ground(element);
    const ink = over(rgba(getComputedStyle(element).color), below);
    const [light, dim] = [luminance(ink), luminance(below)].sort((a, b) => b - a);
    return (light + 0.05) / (dim + 0.05);
  };

  const name = (element) =>
    element.getAttribute("aria-label") || element.getAttribute("title") || element.getAttribute("alt") ||
    (element.getAttribute("aria-labelledby") || "").split(" ").map((id) => document.getElementById(id)?.textContent || "").join("") ||
    element.querySelector("title, desc")?.textContent || text(element);
  const labelled = (element) => name(element).trim() !== "";
  const pictures = [...document.querySelectorAll(".mpg img, .mpg svg, .mpg canvas, [data-testid='stVegaLiteChart']")]
    .filter((each) => !each.closest("[aria-hidden='true']"));
  const charts = pictures.filter((each) => {
    const inside = [each, ...each.querySelectorAll("canvas, svg, [role='img'], [role='graphics-document']")];
    return !inside.some((part) => part.getAttribute("aria-label") || part.getAttribute("alt") || part.querySelector("title, desc"));
  });
  const scroller = document.querySelector("[data-testid='stMain']");
  const wide = [document.documentElement, document.body, ...(scroller ? [scroller] : [])]
    .filter((each) => each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0)
    .map((each) => `${each.tagName} ${each.dataset.testid || ""} ${each.scrollWidth} > ${each.clientWidth}`);

  const headings = inAreas(":is(h1, h2, h3, h4, h5, h6)");
  const level = (element) => Number(element.tagName[1]);
  const leaps = headings.filter((each, i) => level(each) > (i ? level(headings[i - 1]) + 1 : 1));

  return {
    heading: text(document.querySelector("h1") || document.body).slice(0, 200),
    title: document.title,
    lang: document.documentElement.lang,
    sources: inAreas("[data-source]").map((each) => ({
      source: each.dataset.source, raw: each.dataset.raw ?? null, text: text(each),
    })),
    loose: inAreas("tbody td, dl.figures dd:not(.against)")
      .filter((each) => [...each.querySelectorAll(".v"), each].some((part) => NUMBER.test(text(part))))
      .filter((each) => !each.querySelector("[data-source], [data-rule]"))
      .map((each) => `${text(each)} in ${text(each.closest("table")?.caption || each.parentElement).slice(0, 80)}`),
    uncaptioned: [...document.querySelectorAll(".mpg table")].filter((each) => !each.caption || !text(each.caption)).map(brief),
    unlabelled: charts.map(brief),
    nameless: [...document.querySelectorAll("button, .mpg a[href], summary")]
      .filter((each) => each.getClientRects().length && !each.closest("[aria-hidden='true']") && !labelled(each)).map(brief),
    unnamedFields: [...document.querySelectorAll("input, select, textarea")]
      .filter((each) => each.type !== "hidden" && !each.labels?.length && !labelled(each)).map(brief),
    chips: inAreas(".chip").filter((each) => each.getClientRects().length)
      .map((each) => ({ text: text(each), contrast: contrast(each) })),
    small: inAreas("small, .note, p, td, th, a").filter((each) => each.getClientRects().length && text(each))
      .map((each) => ({ text: text(each).slice(0, 40), contrast: contrast(each) })).filter((each) => each.contrast < 4.5).slice(0, 5),
    scripts: inAreas("script, iframe, object, embed, form").map(brief),
    handlers: areas.flatMap((area) => [...area.querySelectorAll("*")])
      .filter((each) => [...each.attributes].some((attribute) => attribute.name.startsWith("on") || /^\s*javascript:/i.test(attribute.value)))
      .map(brief),
    headings: [...leaps.map(brief), ...headings.filter((each) => level(each) === 1).slice(1).map(brief)],
    exceptions: [...document.querySelectorAll("[data-testid='stException']")].map(text),
    hacked: window.hacked === 1,
    wide,
  };
}
