// The contrast of every text with what it stands on, by the formula of WCAG 2: large text needs 3 to 1, all other 4.5.
(() => {
  const parse = (text) => {
    const found = text.match(/[0-9.]+/g).map(Number);
    return found.length > 3 && found[3] === 0 ? null : found;
  };
  const part = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([red, green, blue]) => 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
  const behind = (at) => {
    for (; at; at = at.parentElement) {
      const found = parse(getComputedStyle(at).backgroundColor);
      if (found) return found;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const at = walk.currentNode.parentElement, text = walk.currentNode.textContent.trim();
    if (!text || !at.checkVisibility()) continue;
    const style = getComputedStyle(at), size = parseFloat(style.fontSize);
    const [more, less] = [light(parse(style.color)), light(behind(at))].sort((one, other) => other - one);
    const ratio = (more + 0.05) / (less + 0.05);
    const enough = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    if (ratio < enough) faint.push(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return faint;
})()
