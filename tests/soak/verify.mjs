// When nobody acts any more: everything has arrived, and everyone is told the state that they were told of.

const kSettling = 45000;

/** Waits until every room of `world` is level, asks every member for the state, and every session over REST. */
export async function verify(world) {
  const unlevel = () => world.rooms.filter((room) => !room.isLevel);
  const settle = async (what) => {
    if (await world.until(() => unlevel().length === 0, kSettling)) return;
    for (const room of unlevel()) {
      const late = [...room.members].filter((member) => !member.isLevel).map((member) => member.describe());
      world.findings.add('not level', `${room.name} ${what}: ${late.join('; ')}`);
    }
  };
  await settle('after its leaders fell silent');
  for (const room of world.rooms) {
    for (const member of room.members) if (member.isIn) member.lookAround();
  }
  await settle('after asking for the state');
  for (const room of world.rooms) await room.verify();
}
