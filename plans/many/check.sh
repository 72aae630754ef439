#!/bin/sh
[ -s state ]
