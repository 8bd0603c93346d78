// Several people who watch together. A state's `likes` and `dislikes` are those of the person who is selected, so what
// picks films need not know of the others; `people` is empty while there is but one.

export const MOST_PEOPLE = 8;
export const LONGEST_NAME = 20;
export const defaultName = (index) => (index ? `Person ${index + 1}` : "You");

/** Everybody, also those without films: [{name, likes, dislikes}]. */
export const everyone = (state) => (state.people.length ? state.people
  : [{ name: defaultName(0), likes: state.likes, dislikes: state.dislikes }]);

/** Those with a film, whom a request is for. */
export const asking = (state) => everyone(state).filter((person) => person.likes.length);
export const together = (state) => asking(state).length > 1;

/** Ids that nobody is to see: hidden, or disliked by one of those whom the request is for. */
export const unwanted = (state) => [...new Set([...asking(state), state].flatMap((person) => person.dislikes).concat(state.hidden))];

/** "Ann, Bo and Cy"; "You" is small, as within a sentence. */
export function listed(names) {
  const words = names.map((name) => (name === defaultName(0) ? "you" : name));
  return words.length > 1 ? `${words.slice(0, -1).join(", ")} and ${words.at(-1)}` : words.join();
}

export const whose = (name) => (name === defaultName(0) ? "your" : `${name}’s`);

/** " for Ann" while there are several people: what is picked goes to her. */
export const forWhom = (state) => (state.people.length ? ` for ${listed([state.people[state.who].name])}` : "");

/** `state` with the selected person's films put back among the people. */
export function settled(state) {
  const { people, who, likes, dislikes } = state;
  return { ...state, people: people.map((person, index) => (index === who ? { ...person, likes, dislikes } : person)) };
}

/** What to change in order to have these people, of whom `who` is selected. One alone needs no name. */
export function having(people, who) {
  const { likes, dislikes } = people[who];
  return people.length > 1 ? { people, who, likes, dislikes } : { people: [], who: 0, likes, dislikes };
}

/** A name that nobody has yet. */
export function newName(people) {
  const taken = people.map(({ name }) => name);
  for (let index = 1; ; index += 1) if (!taken.includes(defaultName(index))) return defaultName(index);
}
