// Puts what has changed into the page, section by section, so that a reader keeps place and focus. Without it the page
// loads itself anew.
'use strict';

const EVERY = 2000;

function renew(before, now) {
  const main = before.querySelector('main');
  for (const section of now.querySelectorAll('main > section')) {
    const old = before.getElementById(section.id);
    if (!old) {
      main.append(section);
    } else if (old.innerHTML !== section.innerHTML && !old.contains(before.activeElement)) {
      const open = [...old.querySelectorAll('details')].map((part) => part.open);
      section.querySelectorAll('details').forEach((part, at) => (part.open = open[at] ?? false));
      old.replaceWith(section);
    }
  }
  before.querySelector('nav').innerHTML = now.querySelector('nav').innerHTML;
}

async function look() {
  const stale = document.getElementById('stale');
  try {
    const answer = await fetch(location.href, { cache: 'no-store' });
    const now = new DOMParser().parseFromString(await answer.text(), 'text/html');
    renew(document, now);
    // A run that has ended does not change any more.
    if (!now.querySelector('script')) return;
  } catch {
    if (stale) stale.hidden = false;
  }
  setTimeout(look, EVERY);
}

setTimeout(look, EVERY);
