"""Background jobs: each in a process of its own, resumed after a kill, ended when somebody asks for it."""
