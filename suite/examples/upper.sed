#!/usr/bin/sed -uf
y/abcdefghijklmnopqrstuvwxyz/ABCDEFGHIJKLMNOPQRSTUVWXYZ/
/^QUIT$/q
