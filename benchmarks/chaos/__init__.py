"""Real processes of the product under load, killed at random moments, and the reckoning afterwards.

Parts: ``stack`` starts and kills processes, ``room`` steers the sandbox, ``customers`` authorise,
``trouble`` draws faults and restatements, ``truth`` compares with what the sandbox holds.
"""
